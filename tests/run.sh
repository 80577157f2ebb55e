#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# tests/run.sh [--long] [--seed NUMBER]
#
# Installs the packages that are missing, builds, and runs every test. The last line is
# "N passed, N failed, N skipped", the exit status 0 only where none failed. What is skipped is named
# with its reason; with CI=true a tier that cannot run is a failure. --long adds what takes longer.
# Everything that was printed is in build/results/.
set -uo pipefail

SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
RESULTS=$SOURCE/build/results
# shellcheck source=tests/host/prepare
. "$SOURCE/tests/host/prepare"
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
PYTHON=/usr/bin/python3

long='' seed=''
while [ $# -gt 0 ]; do
    case $1 in
        --long) long=yes ;;
        --seed) seed=${2:?--seed needs a number}; shift ;;
        *) echo 'usage: tests/run.sh [--long] [--seed NUMBER]' >&2; exit 2 ;;
    esac
    shift
done
: "${seed:=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}"

# step NAME SECONDS COMMAND... - one part of a lane, under a limit; it writes NAME.xml itself.
step() {
    local name=$1 limit=$2 status began=$SECONDS
    shift 2
    timeout --foreground --kill-after=10 "$limit" "$@" > "$RESULTS/$name.log" 2>&1 < /dev/null
    status=$?
    printf '%s' "$status" > "$RESULTS/$name.status"
    printf '%4d s  %s%s\n' "$((SECONDS - began))" "$name" "$([ $status = 0 ] || echo ": exit $status")"
    return "$status"
}

# check NAME SECONDS COMMAND... - a step that is a test of its own.
check() {
    local name=$1
    step "$@"
    local status=$?
    "$PYTHON" "$SOURCE/tests/summary.py" --write "$RESULTS/$name.xml" "$name" "$status" \
        "$RESULTS/$name.log"
    return "$status"
}

# meson_tests NAME BUILD SECONDS ARGUMENT... - the unit tests of a build.
meson_tests() {
    local name=$1 build=$SOURCE/build/$2 limit=$3
    shift 3
    step "$name" "$limit" meson test -C "$build" --no-rebuild --print-errorlogs \
        --logbase "$name" "$@"
    # Under a wrapper meson puts its name behind ours.
    cp "$build/meson-logs/$name"*.junit.xml "$RESULTS/$name.xml" 2> /dev/null
}

# pytests NAME SECONDS ARGUMENT...
pytests() {
    local name=$1 limit=$2
    shift 2
    step "$name" "$limit" "${machine[@]}" env \
        CHECKOUT_BUILD_DIR="$SOURCE/build/asan" MESON_BUILD_ROOT="$SOURCE/build/asan" \
        CHECKOUTCTL="$SOURCE/build/asan/broker/cli/checkoutctl" \
        ASAN_OPTIONS="$ASAN_OPTIONS" UBSAN_OPTIONS="$UBSAN_OPTIONS" \
        "$PYTHON" -m pytest -c "$SOURCE/tests/pytest.ini" --junit-xml="$RESULTS/$name.xml" \
        --seed="$seed" ${long:+--long} "$@"
}

# hosts RELEASE - the tests on booted hosts of this release.
hosts() {
    step "hosts-$1" $((long ? 3600 : 900)) "$PYTHON" -m pytest -c "$SOURCE/tests/pytest.ini" \
        --junit-xml="$RESULTS/hosts-$1.xml" --seed="$seed" ${long:+--long} \
        --build="$SOURCE/build/plain" --release="$1" "$SOURCE/tests/e2e/booted"
}

fuzz() {
    local program name
    for program in "$SOURCE"/build/fuzz/tests/fuzz/fuzz_*; do
        [ -x "$program" ] && [ -f "$program" ] || continue
        name=${program##*/fuzz_}
        mkdir -p "$SOURCE/build/fuzz/found/$name"
        check "fuzz-$name" $((300 + $1)) "$program" -seed="$seed" -max_total_time="$1" \
            -print_final_stats=1 -artifact_prefix="$RESULTS/fuzz-$name." \
            "$SOURCE/build/fuzz/found/$name" "$SOURCE/tests/fuzz/corpus/$name"
    done
}

mkdir -p "$RESULTS"
find "$RESULTS" -mindepth 1 -delete
echo "seed $seed"

sections=(build machine tests package trees ${long:+long})
if [ "$(id -u)" = 0 ]; then
    prepare_packages "${sections[@]}" || exit 1
fi

# Where there is no private machine the tests that live in it say so themselves, one by one.
machine=("$SOURCE/tests/host/run")
if ! missing=$("$SOURCE/tests/host/run" --check); then
    printf 'No private machine can be made here:\n%s\n' "$missing"
    machine=(env NO_PRIVATE_MACHINE="$missing")
fi

# While the compilers run; the tests that need a tree which could not be made say so.
releases=(bookworm trixie)
trees_made=()
if "$SOURCE/tests/host/tree" --check > /dev/null; then
    for release in "${releases[@]}"; do
        "$SOURCE/tests/host/tree" "$release" > "$RESULTS/tree-$release.log" 2>&1 < /dev/null &
        trees_made+=($!)
    done
fi

options=(--buildtype=debugoptimized)
sanitize=(-Db_sanitize=address,undefined -Db_lundef=false)
check build-gcc 900 bash -c ". '$SOURCE/tests/host/prepare'; SOURCE='$SOURCE'
    prepare_build plain ${options[*]} -Dwerror=true" &
plain=$!
check build-sanitized 900 bash -c ". '$SOURCE/tests/host/prepare'; SOURCE='$SOURCE'
    prepare_build asan ${options[*]} ${sanitize[*]}" &
sanitized=$!
wait $plain; plain=$?
wait $sanitized; sanitized=$?
for tree in "${trees_made[@]}"; do
    wait "$tree"
done

export ASAN_OPTIONS=abort_on_error=0:detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
builds=(--build="$SOURCE/build/plain" --broker="$SOURCE/build/asan/broker/pam-checkout-broker")
trees=("$SOURCE/tests/e2e" "$SOURCE/tests/integration")

lane_one() {
    pytests system-dbus-daemon $((long ? 7200 : 900)) "${builds[@]}" --bus=dbus-daemon "${trees[@]}"
    [ -z "$long" ] || meson_tests unit-valgrind plain 3600 --timeout-multiplier=20 \
        --wrapper='valgrind -q --error-exitcode=9 --leak-check=full --trace-children=no'
}
lane_two() {
    meson_tests unit plain 600
    meson_tests unit-sanitized asan 600 --timeout-multiplier=3
    pytests module $((long ? 3600 : 900)) "$SOURCE/tests/pam"
    pytests programs $((long ? 3600 : 900)) --bus=none "$SOURCE/tests/integration"
    # These say what the sanitizers themselves leave behind.
    pytests module-residue 300 --build-dir "$SOURCE/build/plain" "$SOURCE/tests/pam/test_residue.py" \
        "$SOURCE/tests/pam/test_scope.py" -k 'test_residue or no_descriptors_left or no_memory_left'
    # Its disk fails by a library that must come before the sanitizers' own.
    pytests broken-disk 300 --build="$SOURCE/build/plain" --bus=dbus-daemon \
        "$SOURCE/tests/integration/test_damage.py" -k 'reading_fails or writing_fails'
}
lane_three() {
    pytests system-dbus-broker $((long ? 3600 : 900)) "${builds[@]}" --bus=dbus-broker "${trees[@]}"
}
# The package as built here, on hosts of both releases.
lane_package() {
    check package 900 "$SOURCE/packaging/build-deb" "$SOURCE/build/deb" || return
    check lintian 300 lintian --allow-root --display-info --pedantic \
        --fail-on error,warning,info,pedantic "$SOURCE"/build/deb/*.changes
    for release in "${releases[@]}"; do
        step "package-$release" $((long ? 3600 : 900)) "$PYTHON" -m pytest \
            -c "$SOURCE/tests/pytest.ini" --junit-xml="$RESULTS/package-$release.xml" \
            --seed="$seed" ${long:+--long} --deb="$SOURCE/build/deb" --release="$release" \
            "$SOURCE/tests/e2e/packages"
    done
}
lane_four() {
    CC=clang check build-clang 900 bash -c ". '$SOURCE/tests/host/prepare'; SOURCE='$SOURCE'
        prepare_build fuzz ${options[*]} ${sanitize[*]} -Dfuzz=true -Dwerror=true"
    # It knows neither clean-up attributes (leaks are the sanitizers' to find) nor an empty macro
    # argument, as sys/queue.h has it.
    check cppcheck 600 cppcheck --project="$SOURCE/build/plain/compile_commands.json" \
        --enable=warning,portability --inline-suppr --error-exitcode=1 --quiet \
        --suppress=memleak --suppress=memleakOnRealloc --suppress=resourceLeak \
        --suppress=internalAstError --suppress=syntaxError --suppress='*:*tests/*'
    fuzz "$((long ? 600 : 5))"
}
if [ "$plain$sanitized" = 00 ]; then
    long=${long:+1}
    lane_one & lanes=($!)
    lane_two & lanes+=($!)
    lane_three & lanes+=($!)
    lane_four & lanes+=($!)
    # Hosts wait more than they work.
    for release in "${releases[@]}"; do
        hosts "$release" & lanes+=($!)
    done
    lane_package & lanes+=($!)
    wait "${lanes[@]}"
    # Alone, so that it measures the door and not the other tests.
    if [ -n "$long" ]; then
        check bench 600 bash -c "ninja -C '$SOURCE/build/plain' tests/bench/door_cost &&
            ${machine[*]@Q} $PYTHON '$SOURCE/tests/bench/live.py' '$SOURCE/build/plain'"
        cat "$RESULTS/bench.log"
    fi
fi

"$PYTHON" "$SOURCE/tests/summary.py" "$RESULTS"
