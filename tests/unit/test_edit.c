/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What setup makes of the files of a service. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cli/setup/edit.h"

static void is(char *made, const char *expected)
{
    assert_non_null(made);
    assert_string_equal(made, expected);
    free(made);
}

static void test_sudo_service(void **state)
{
    const char *gated = "session required pam_limits.so\n\n@include common-auth\n"
                        "account    required   pam_checkout.so account=root\n"
                        "@include common-account\n@include common-session-noninteractive\n"
                        "session    required   pam_checkout.so\n";

    is(edit_sudo_service("session required pam_limits.so\n\n@include common-auth\n"
                         "@include common-account\n@include common-session-noninteractive\n",
                         "root"),
       gated);
    is(edit_sudo_service(gated, "root"), gated);
    /* Without Debian's common files, without an end of line. */
    is(edit_sudo_service("auth required pam_unix.so\naccount include system-auth\n"
                         "session required pam_x.so",
                         "db"),
       "auth required pam_unix.so\naccount    required   pam_checkout.so account=db\n"
       "account include system-auth\nsession required pam_x.so\n"
       "session    required   pam_checkout.so\n");
    is(edit_sudo_service("", "db"), "account    required   pam_checkout.so account=db\n"
                                    "session    required   pam_checkout.so\n");
}

static void test_service(void **state)
{
    const char *su = "account    include    pam-checkout\n@include common-account\n"
                     "@include common-session\nsession    include    pam-checkout\n";

    is(edit_service("@include common-account\n@include common-session\n", false), su);
    is(edit_service(su, false), su);
    is(edit_service("account required pam_nologin.so\n@include common-account\n"
                    "session required pam_loginuid.so\n@include common-session\n"
                    "session optional pam_motd.so\n",
                    true),
       "account required pam_nologin.so\naccount    include    pam-checkout\n"
       "@include common-account\nsession required pam_loginuid.so\n"
       "session    include    pam-checkout\n@include common-session\n"
       "session    include    pam-checkout\nsession optional pam_motd.so\n");
    /* A remark about it is no gate; nothing goes into the middle of a continued line. */
    is(edit_service("# no pam-checkout yet\nauth required \\\n account \\\n pam_x.so\n"
                    "account required pam_y.so\n-session optional pam_z.so\n",
                    false),
       "# no pam-checkout yet\nauth required \\\n account \\\n pam_x.so\n"
       "account    include    pam-checkout\naccount required pam_y.so\n-session optional pam_z.so\n"
       "session    include    pam-checkout\n");
}

static void test_sudoers(void **state)
{
    char *root = edit_sudoers(NULL, "root"), *both;
    const char *oracle = "Defaults>oracle pam_service=sudo-oracle, pam_login_service=sudo-oracle, "
                         "pam_askpass_service=sudo-oracle\n";

    assert_non_null(root);
    assert_non_null(strstr(root, "\nDefaults pam_service=sudo-root, "));
    assert_non_null(strstr(root, "\nDefaults>ALL,!#0 pam_service=sudo, "));
    is(edit_sudoers(root, "root"), root);
    is(edit_sudoers(NULL, "oracle"), oracle);
    is(edit_sudoers(oracle, "oracle"), oracle);
    /* In either order the general lines come first. */
    both = edit_sudoers(root, "oracle");
    assert_non_null(both);
    assert_true(strncmp(both, root, strlen(root)) == 0);
    assert_string_equal(both + strlen(root), oracle);
    is(edit_sudoers(oracle, "root"), both);
    free(both);
    free(root);
    /* Neither a remark nor the beginning of another name counts. */
    is(edit_sudoers("#Defaults>db pam_service=sudo-db, x\nDefaults>db2 pam_service=sudo-db2, x",
                    "db"),
       "#Defaults>db pam_service=sudo-db, x\nDefaults>db2 pam_service=sudo-db2, x\n"
       "Defaults>db pam_service=sudo-db, pam_login_service=sudo-db, pam_askpass_service=sudo-db\n");
}

static void test_gate(void **state)
{
    char *made = edit_gate(NULL, "oracle"), *more;

    assert_non_null(made);
    assert_non_null(strstr(made, "user notin oracle\naccount required pam_checkout.so\n"));
    assert_non_null(strstr(made, "user notin oracle\nsession required pam_checkout.so\n"));
    is(edit_gate(made, "oracle"), made);
    more = edit_gate(made, "root");
    assert_non_null(more);
    assert_non_null(strstr(more, "user notin oracle:root\naccount"));
    assert_non_null(strstr(more, "user notin oracle:root\nsession"));
    free(more);
    free(made);
    is(edit_gate(
           "# user notin x\naccount [success=1] pam_succeed_if.so user notin oracle:db quiet\n",
           "ora"),
       "# user notin x\naccount [success=1] pam_succeed_if.so user notin oracle:db:ora quiet\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sudo_service),
        cmocka_unit_test(test_service),
        cmocka_unit_test(test_sudoers),
        cmocka_unit_test(test_gate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
