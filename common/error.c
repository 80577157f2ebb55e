/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "error.h"

#include <dbus/dbus.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

#define PREFIX "org.pamcheckout.Error."

static const char *const dbus_names[ERROR_CODE_COUNT] = {
    [ERROR_NOT_FOUND] = PREFIX "NotFound",
    [ERROR_NOT_PERMITTED] = PREFIX "NotPermitted",
    [ERROR_SELF_APPROVAL] = PREFIX "SelfApproval",
    [ERROR_WRONG_STATE] = PREFIX "WrongState",
    [ERROR_ALREADY_DECIDED] = PREFIX "AlreadyDecided",
    [ERROR_INVALID_ARGUMENT] = PREFIX "InvalidArgument",
    [ERROR_POLICY_REFUSED] = PREFIX "PolicyRefused",
    [ERROR_LIMIT_REACHED] = PREFIX "LimitReached",
    [ERROR_NO_APPROVER] = PREFIX "NoApprover",
    [ERROR_STORAGE_FAILED] = PREFIX "StorageFailed",
    [ERROR_CHANGED] = PREFIX "Changed",
};

/* ERROR_NONE is no refusal: whoever asks for its name has lost the real one. */
static enum error_code known(enum error_code code)
{
    return code > ERROR_NONE && code < ERROR_CODE_COUNT ? code : ERROR_STORAGE_FAILED;
}

int error_set(struct error *error, enum error_code code, const char *format, ...)
{
    /* Of its own, so that error->text can be among the arguments. */
    char text[LIMIT_SENTENCE] = "";
    va_list arguments;
    int length;

    code = known(code);
    if (!error)
        return code;

    va_start(arguments, format);
    length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);

    if (length < 0)
        text[0] = '\0';
    else if ((size_t)length >= sizeof(text))
        text_mend_end(text);

    /* libdbus aborts the process on a string that is not UTF-8, so a caller's slip ends here. */
    if (!dbus_validate_utf8(text, NULL))
        for (char *byte = text; *byte; byte++)
            if ((unsigned char)*byte >= 0x80)
                *byte = '?';

    error->code = code;
    memcpy(error->text, text, sizeof(text));
    return code;
}

const char *error_dbus_name(enum error_code code)
{
    return dbus_names[known(code)];
}

enum error_code error_from_dbus_name(const char *name)
{
    if (!name)
        return ERROR_NONE;
    for (int code = ERROR_NONE + 1; code < ERROR_CODE_COUNT; code++)
        if (strcmp(dbus_names[code], name) == 0)
            return code;
    return ERROR_NONE;
}

const char *error_short_name(enum error_code code)
{
    return error_dbus_name(code) + strlen(PREFIX);
}
