# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host's files below a folder, as Debian has them, with the shipped examples in place: nothing for
the doctor to find."""

import shutil
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
EXAMPLES = TOP / "packaging" / "examples"

FILES = {
    "etc/passwd": """\
root:x:0:0:root:/root:/bin/bash
pam-checkout:x:990:990::/var/lib/pam-checkout:/usr/sbin/nologin
oracle:x:1500:1500::/home/oracle:/bin/bash
alice:x:1000:1000::/home/alice:/bin/bash
bob:x:1001:1001::/home/bob:/bin/bash
""",
    "etc/group": """\
root:x:0:
sudo:x:27:alice
docker:x:998:
pam-checkout:x:990:
oracle:x:1500:
""",
    "etc/pam.d/common-auth": """\
auth	[success=1 default=ignore]	pam_unix.so nullok
auth	requisite			pam_deny.so
auth	required			pam_permit.so
""",
    "etc/pam.d/common-account": """\
account	[success=1 new_authtok_reqd=done default=ignore]	pam_unix.so
account	requisite			pam_deny.so
account	required			pam_permit.so
""",
    "etc/pam.d/common-session": """\
session	[default=1]			pam_permit.so
session	requisite			pam_deny.so
session	required			pam_permit.so
session	required	pam_unix.so
session	optional	pam_systemd.so
""",
    "etc/pam.d/common-session-noninteractive": """\
session	[default=1]			pam_permit.so
session	requisite			pam_deny.so
session	required			pam_permit.so
session	required	pam_unix.so
""",
    "etc/pam.d/sudo": """\
session    required   pam_limits.so
@include common-auth
@include common-account
@include common-session-noninteractive
""",
    "etc/pam.d/su": """\
auth       sufficient pam_rootok.so
session    required   pam_env.so readenv=1
session    required   pam_limits.so
@include common-auth
account    include    pam-checkout
@include common-account
@include common-session
session    include    pam-checkout
""",
    "etc/pam.d/su-l": """\
auth		include		su
account		include		su
session		optional	pam_keyinit.so force revoke
session		include		su
""",
    "etc/pam.d/sshd": """\
@include common-auth
account    required     pam_nologin.so
account    include      pam-checkout
@include common-account
session    required     pam_loginuid.so
session    include      pam-checkout
@include common-session
session    include      pam-checkout
session    required     pam_limits.so
""",
    "etc/pam.d/login": """\
@include common-auth
@include common-account
@include common-session
""",
    "etc/pam.d/cron": """\
@include common-account
@include common-session-noninteractive
""",
    "usr/lib/pam.d/polkit-1": """\
@include common-auth
@include common-account
""",
    "etc/pam.d/other": """\
@include common-auth
@include common-account
@include common-session
""",
    "etc/sudoers": """\
Defaults	env_reset
root	ALL=(ALL:ALL) ALL
%sudo	ALL=(ALL:ALL) ALL

@includedir /etc/sudoers.d
""",
    "etc/ssh/sshd_config": """\
Include /etc/ssh/sshd_config.d/*.conf
KbdInteractiveAuthentication no
UsePAM yes
""",
    "usr/share/dbus-1/system.d/org.pamcheckout.Broker1.conf": "<busconfig/>\n",
    "usr/share/polkit-1/rules.d/50-pam-checkout.rules": "// a rule\n",
    "usr/lib/polkit-1/polkitd": "",
    "usr/lib/x86_64-linux-gnu/libpam.so.0": "",
    "usr/lib/x86_64-linux-gnu/security/pam_checkout.so": "",
}

POLICY = """\
[policy privileged]
accounts = root, oracle
requesters = alice
approvers = bob
"""


class Tree:
    def __init__(self, folder):
        self.root = Path(folder)
        self.root.chmod(0o755)
        for path, text in FILES.items():
            self.write(path, text)
        for service in ("sudo-root", "pam-checkout"):
            self.write(f"etc/pam.d/{service}", (EXAMPLES / f"pam.d-{service}").read_text())
        self.write("etc/pam.d/sudo-oracle",
                   self.read("etc/pam.d/sudo-root").replace("account=root", "account=oracle"))
        self.write("etc/sudoers.d/zz-pam-checkout",
                   (EXAMPLES / "sudoers-root").read_text().replace("#Defaults>oracle", "Defaults>oracle"))
        self.write("etc/pam-checkout/policy.d/10-test.conf", POLICY)

    def path(self, path):
        return self.root / path.lstrip("/")

    def read(self, path):
        return self.path(path).read_text()

    def write(self, path, text, mode=0o644):
        target = self.path(path)
        for folder in reversed(target.relative_to(self.root).parents):
            (self.root / folder).mkdir(exist_ok=True)
            (self.root / folder).chmod(0o755)
        target.write_text(text)
        target.chmod(mode)

    def remove(self, path):
        target = self.path(path)
        shutil.rmtree(target) if target.is_dir() else target.unlink()

    def change(self, path, old, new, count=-1):
        text = self.read(path)
        assert old in text, f"{path} has no {old!r}"
        self.write(path, text.replace(old, new, count))

    def append(self, path, text):
        self.write(path, self.read(path) + text)

    def line(self, path, word):
        """The number of the first line with the word."""
        return next(number for number, line in enumerate(self.read(path).splitlines(), 1) if word in line)
