# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion for checkoutctl(1)
# shellcheck disable=SC2207  # no word offered here holds a blank

_checkoutctl_ids()
{
    # The broker may be busy or gone: a key press waits for a second at most.
    timeout 1 checkoutctl list "$@" --json 2>/dev/null | grep -o '"id":[0-9]*' | cut -d: -f2 | sort -un
}

_checkoutctl()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    # "--door=sudo" arrives as three words.
    if [[ $cur == = ]]; then
        cur=''
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    COMPREPLY=()

    local -A options=(
        [request]='--reason --ticket --for --start --door --to --wait'
        [list]='--all --mine --decidable --state --person --account --approver --since --until'
        [show]=''
        [approve]='--for --start --reason --yes'
        [deny]='--reason'
        [cancel]=''
        [checkin]='--yes'
        [revoke]='--reason'
        [extend]='--for --reason --wait'
        [grant]='--reason --ticket --for --start --door --to --wait'
        [sessions]='--all --person --account'
        [watch]=''
        [log]='--id --person --account --actor --event --since --until --follow --csv --export'
        [report]='--by --since --until --csv'
        [verify]='--ledger --journal --no-journal --since'
        [explain]='--person --account --door --from --at'
        [policy]=''
        [reload]=''
        [doctor]='--root'
        [setup]='--target --yes --dry-run --confirm --undo'
    )

    local command='' word i positional=0
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $word == -* ]]; then
            # All but the switches take a value.
            case $word in
                --json | --help | --version | --all | --mine | --decidable | --yes | --follow | \
                    --csv | --no-journal | --dry-run | --confirm | --undo) ;;
                *)
                    [[ ${COMP_WORDS[i + 1]-} == = ]] && i=$((i + 1))
                    i=$((i + 1)) ;;
            esac
        elif [[ -z $command ]]; then
            command=$word
        else
            positional=$((positional + 1))
        fi
    done

    case $prev in
        --person | --account | --approver | --actor | --to | --target)
            COMPREPLY=($(compgen -u -- "$cur"))
            return ;;
        --root)
            COMPREPLY=($(compgen -d -- "$cur"))
            return ;;
        --export | --ledger | --journal)
            COMPREPLY=($(compgen -f -- "$cur"))
            return ;;
        --by)
            COMPREPLY=($(compgen -W 'person account approver state month' -- "$cur"))
            return ;;
        --event)
            COMPREPLY=($(compgen -W 'requested decision approved denied cancelled lapsed started extended
                carried-over returned revoked expired session-opened session-placed session-closed
                session-killed session-survived door-refused decision-refused policy-loaded
                policy-rejected broker-started broker-stopped journal-gap' -- "$cur"))
            return ;;
        --door)
            COMPREPLY=($(compgen -W 'sudo su ssh login' -- "$cur"))
            return ;;
        --state)
            COMPREPLY=($(compgen -W 'pending approved active denied cancelled lapsed returned revoked
                expired applied' -- "$cur"))
            return ;;
        --for | --wait)
            COMPREPLY=($(compgen -W '10min 30min 1h 2h 4h 8h' -- "$cur"))
            return ;;
        --reason | --ticket | --start | --since | --until | --from | --at)
            return ;;
    esac

    if [[ -z $command ]]; then
        COMPREPLY=($(compgen -W "${!options[*]} --json --help --version" -- "$cur"))
        return
    fi
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "${options[$command]-} --json --help" -- "$cur"))
        return
    fi

    case $command in
        request)
            ((positional == 0)) && COMPREPLY=($(compgen -u -- "$cur")) ;;
        grant)
            ((positional < 2)) && COMPREPLY=($(compgen -u -- "$cur")) ;;
        approve | deny)
            COMPREPLY=($(compgen -W "$(_checkoutctl_ids --decidable)" -- "$cur")) ;;
        cancel | checkin | extend)
            COMPREPLY=($(compgen -W "$(_checkoutctl_ids --mine)" -- "$cur")) ;;
        show | revoke)
            COMPREPLY=($(compgen -W "$(_checkoutctl_ids)" -- "$cur")) ;;
        setup)
            ((positional == 0)) && COMPREPLY=($(compgen -W 'sudo su ssh' -- "$cur")) ;;
        policy)
            if ((positional == 0)); then
                COMPREPLY=($(compgen -W 'check' -- "$cur"))
            else
                COMPREPLY=($(compgen -d -- "$cur"))
            fi ;;
    esac
}

complete -F _checkoutctl checkoutctl
