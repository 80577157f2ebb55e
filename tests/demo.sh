#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# tests/demo.sh [--interactive]
#
# Builds pam_checkout and does the main job with the real sudo in a private machine made out of this
# one, which stays as it is: only packages that are missing are installed, and build/ is made here.
# --interactive gives two terminals side by side instead, alice's and bob's.
set -euo pipefail

SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=tests/host/prepare
. "$SOURCE/tests/host/prepare"

sections=(build machine)
case ${1:-} in
    '') ;;
    --interactive) sections+=(interactive) ;;
    *)
        echo 'usage: tests/demo.sh [--interactive]' >&2
        exit 2
        ;;
esac
if [ "$(id -u)" != 0 ]; then
    echo 'The demo cannot run here: it needs root, to make a private machine out of this one.' >&2
    exit 1
fi
prepare_packages "${sections[@]}"
if ! missing=$("$SOURCE/tests/host/run" --check); then
    printf 'The demo cannot run here: %s.\n' "$missing" >&2
    exit 1
fi
echo 'Building ...'
prepare_build demo -Dtests=false
exec "$SOURCE/tests/host/run" /usr/bin/python3 "$SOURCE/tests/demo.py" "$SOURCE/build/demo" "$@"
