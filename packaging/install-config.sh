#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# install-config.sh FOLDER FILE... - installs the configuration, but never over one that is there.
set -eu

folder=${DESTDIR:-}$1
shift

mkdir -p "$folder/policy.d"
for source; do
    target=$folder/${source##*/}
    if [ -e "$target" ] || [ -L "$target" ]; then
        echo "Keeping $target"
    else
        install -m 0644 "$source" "$target"
    fi
done
