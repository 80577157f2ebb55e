# SPDX-License-Identifier: LGPL-2.1-or-later
"""checkoutctl setup on a host that runs: gates a door, and takes it back by itself."""

import json
import subprocess
import time

import pexpect
import pytest

from host.login import ROOT

POLICY = """
[policy root]
accounts = root
requesters = %ops
approvers = %security
reason = optional
[policy oracle]
accounts = oracle
doors = su, ssh
requesters = %ops
approvers = %security
reason = optional
"""

FILES = "/etc/pam.d /etc/sudoers /etc/sudoers.d"


@pytest.fixture(scope="module")
def ungated(hosts, request):
    """Nothing of it is another on the other release, so one is enough; --release says which."""
    (release, *_) = request.config.getoption("release") or ["bookworm"]
    machine = hosts(release, "dbus-daemon", name="setup")
    yield machine
    machine.stop()


@pytest.fixture
def clean(ungated):
    ungated.shell(f"test -d /root/kept || {{ mkdir /root/kept; cp -a {FILES} /root/kept; }}")
    ungated.begin(POLICY)
    yield ungated
    ungated.shell("""
        for timer in $(systemctl list-units --plain --no-legend 'pam-checkout-setup-*.timer' | cut -d' ' -f1); do
            systemctl stop $timer
        done
        rm -rf /etc/pam.d /etc/sudoers.d /var/backups/pam-checkout
        cp -a /root/kept/* /etc/
    """)


def run_setup(host, *arguments, code=0):
    done = host.run(["checkoutctl", "setup", *arguments])
    assert done.returncode == code, done
    return done


def state(host):
    return host.shell(f"cd /etc; for file in $(find {FILES} -type f | sort); do stat -c '%n %a %U' $file; "
                      "cat $file; done")


def timers(host):
    return host.shell("systemctl list-units --plain --no-legend 'pam-checkout-setup-*.timer'").split()[:1]


def await_gone(host):
    """The file that was written first goes last."""
    deadline = time.monotonic() + 150
    while host.nsenter(["test", "-e", "/etc/pam.d/sudo-root"], check=False).returncode == 0:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_sudo_to_root_there_and_back(clean):
    host = clean
    before = state(host)
    alice = host.actor("alice")
    done = run_setup(host, "sudo", "--target", "root", "--yes")
    assert "+++ /etc/pam.d/sudo-root" in done.stdout and "+Defaults>ALL,!#0 pam_service=sudo" in done.stdout
    assert "tried on a copy: nobody is refused (and was not before)" in done.stdout
    assert "tried on a copy: root gets in as before" in done.stdout
    assert "checkoutctl setup --confirm" in done.stdout
    assert timers(host)
    # No try has filed a request.
    assert host.ledger("SELECT count(*) FROM checkout") == [(0,)]

    code, shown = alice.on_terminal(["sudo", "id"])
    assert code == 1 and "request 1 filed" in shown, shown
    again = run_setup(host, "su", "--target", "root", "--yes", code=1)
    assert "waits for checkoutctl setup --confirm" in again.stderr

    assert "stays gated" in run_setup(host, "--confirm").stdout
    assert not timers(host)
    assert host.shell("visudo -c").count("parsed OK") >= 2
    findings = [json.loads(line) for line in host.run(["checkoutctl", "doctor", "--json"]).stdout.splitlines()]
    assert not [finding for finding in findings if finding["severity"] == "problem" and
                "sudo to" in finding["message"]], findings
    host.actor("bob").approve(1)
    assert alice.on_terminal(["sudo", "id"]) == (0, f"{ROOT} gid=0(root) groups=0(root)\n")

    assert "gated already" in run_setup(host, "sudo", "--target", "root", "--yes").stdout
    assert "as it was before" in run_setup(host, "--undo").stdout
    assert state(host) == before
    assert "there is no change" in run_setup(host, "--undo", code=1).stderr


def test_it_takes_itself_back(clean):
    """Whatever becomes of who made the change. The timer is brought forward."""
    host = clean
    before = state(host)
    run_setup(host, "sudo", "--target", "root", "--yes")
    assert state(host) != before
    (timer,) = timers(host)
    left = host.shell(f"systemctl show -P NextElapseUSecMonotonic {timer}; cut -d' ' -f1 /proc/uptime")
    assert left
    service = timer.replace(".timer", ".service")
    host.shell(f"systemctl start {service}")
    await_gone(host)
    assert state(host) == before
    assert "there is no change" in run_setup(host, "--confirm", code=1).stderr


def test_the_timer_runs_out(clean, long):
    if not long:
        pytest.skip("takes two minutes; --long")
    host = clean
    before = state(host)
    run_setup(host, "sudo", "--target", "root", "--yes")
    await_gone(host)
    assert state(host) == before


def test_a_confirmed_change_is_left_by_a_late_timer(clean):
    host = clean
    run_setup(host, "sudo", "--target", "root", "--yes")
    name = timers(host)[0].removeprefix("pam-checkout-setup-").removesuffix(".timer")
    run_setup(host, "--confirm")
    after = state(host)
    run_setup(host, "--roll-back", name)
    assert state(host) == after


@pytest.mark.parametrize("door", ["su", "ssh"])
def test_su_and_ssh(clean, door):
    host = clean
    before = state(host)
    done = run_setup(host, door, "--target", "oracle", "--yes")
    assert "tried on a copy: " + ("oracle" if door == "ssh" else "nobody") + " is refused" in done.stdout
    findings = [json.loads(line) for line in host.run(["checkoutctl", "doctor", "--json"]).stdout.splitlines()]
    assert not [finding for finding in findings if finding["severity"] != "note" and
                f"{door} oracle" in finding["message"].replace("ssh to", "ssh")], findings
    def enter(account):
        return subprocess.run(host.ssh(f"{account}@127.0.0.1", "id", "-un"), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL).stdout.strip()
    if door == "ssh":
        assert enter("oracle") == "" and enter("carol") == "carol"
    # A second account is added to the same lists.
    run_setup(host, "--confirm")
    run_setup(host, door, "--target", "root", "--yes")
    assert "user notin oracle:root\n" in host.read("/etc/pam.d/pam-checkout")
    run_setup(host, "--undo")
    run_setup(host, "--undo")
    assert state(host) == before


def test_what_somebody_made_of_a_file_since_is_kept(clean):
    host = clean
    before = state(host)
    run_setup(host, "sudo", "--target", "root", "--yes")
    host.shell("echo '# mine' >> /etc/pam.d/sudo-root")
    run_setup(host, "--undo")
    assert state(host) == before
    assert "# mine" in host.shell("cat /var/backups/pam-checkout/*/*.found")


@pytest.mark.parametrize("plant, arguments, says", [
    ("rm /etc/pam-checkout/policy.d/*; systemctl restart pam-checkout-broker.service",
     ("sudo", "--target", "root"), "no policy manages the account root"),
    (":", ("sudo", "--target", "oracle"), "no policy manages the account oracle at the door sudo"),
    ("echo 'Defaults !pam_session' > /etc/sudoers.d/zzz", ("sudo", "--target", "root"),
     "there would still be a way round"),
    ("sed -i '1i account sufficient pam_permit.so' /etc/pam.d/sudo", ("sudo", "--target", "root"),
     "there would still be a way round"),
    ("echo 'account required pam_deny.so' >> /etc/pam.d/sshd; "
     "sed -i '/nologin/d' /etc/pam.d/sshd", ("login", "--target", "root"), "never gated"),
])
def test_refusals_change_nothing(clean, plant, arguments, says):
    host = clean
    host.shell(plant)
    before = state(host)
    done = host.run(["checkoutctl", "setup", *arguments, "--yes"])
    assert done.returncode in (1, 2) and says in done.stderr, done
    assert state(host) == before and not timers(host)
    assert host.shell("ls /run | grep -c pam-checkout-setup || :").strip() == "0"


def test_dry_run_and_usage(clean):
    host = clean
    before = state(host)
    done = run_setup(host, "sudo", "--target", "root", "--dry-run")
    assert "+++ /etc/pam.d/sudo-root" in done.stdout and state(host) == before and not timers(host)
    assert "--yes" in run_setup(host, "sudo", "--target", "root", code=1).stderr
    run_setup(host, "sudo", code=2)
    run_setup(host, "--undo", "--confirm", code=2)
    done = host.actor("alice").run(["checkoutctl", "setup", "sudo", "--target", "root", "--yes"])
    assert done.returncode == 1 and "run it as root" in done.stderr
    assert state(host) == before


def test_typed_on_a_terminal(clean):
    """Asked for everything; confirmed in the same place."""
    host = clean
    host.shell("echo 'alice ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/alice")
    before = state(host)
    with host.actor("alice").terminal(["sudo", "checkoutctl", "setup"]) as child:
        child.expect_exact("Which door is to be gated")
        child.sendline("sudo")
        child.expect_exact("To which account?")
        child.sendline("root")
        child.expect_exact("+++ /etc/pam.d/sudo-root")
        child.expect_exact("Make this change? [y/N]")
        child.sendline("y")
        child.expect_exact("Type confirm:")
        assert state(host) != before
        child.sendline("confirm")
        child.expect_exact("stays gated")
        child.expect(pexpect.EOF)
    assert not timers(host)
    run_setup(host, "--undo")
    assert state(host) == before


@pytest.mark.parametrize("answer", ["n", ""])
def test_anything_but_yes_changes_nothing(clean, answer):
    host = clean
    host.shell("echo 'alice ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/alice")
    before = state(host)
    with host.actor("alice").terminal(["sudo", "checkoutctl", "setup", "sudo", "--target", "root"]) as child:
        child.expect_exact("Make this change? [y/N]")
        child.sendline(answer)
        child.expect_exact("nothing was changed")
        child.expect(pexpect.EOF)
    assert state(host) == before and not timers(host)


def test_a_terminal_that_is_lost_leaves_the_timer(clean):
    host = clean
    host.shell("echo 'alice ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/alice")
    before = state(host)
    with host.actor("alice").terminal(["sudo", "checkoutctl", "setup", "sudo", "--target", "root"]) as child:
        child.expect_exact("Make this change? [y/N]")
        child.sendline("y")
        child.expect_exact("Type confirm:")
        child.close(force=True)
    (timer,) = timers(host)
    host.shell(f"systemctl start {timer.replace('.timer', '.service')}")
    await_gone(host)
    assert state(host) == before


def test_without_systemd_a_process_of_its_own_takes_it_back(clean, long):
    """As in a container. Without --long it is only seen to be there."""
    host = clean
    before = state(host)
    script = "mount --bind /root /run/systemd && exec checkoutctl setup sudo --target root --yes"
    host.shell(f"unshare --mount sh -c '{script}'")
    assert state(host) != before and not timers(host)
    waiting = host.shell("pgrep -f '[s]etup sudo --target root' | wc -l").strip()
    assert waiting == "1"
    if long:
        await_gone(host)
    else:
        host.shell("pkill -f '[s]etup sudo --target root'")
        run_setup(host, "--undo")
    assert state(host) == before
