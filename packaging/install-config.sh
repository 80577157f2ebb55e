#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installs the configuration, but never over one that is there.
set -eu

source=$1
folder=${DESTDIR:-}$2

mkdir -p "$folder/policy.d"
if [ -e "$folder/broker.conf" ] || [ -L "$folder/broker.conf" ]; then
    echo "Keeping $folder/broker.conf"
else
    install -m 0644 "$source" "$folder/broker.conf"
fi
