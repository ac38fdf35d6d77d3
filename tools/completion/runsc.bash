# bash completion for runsc
_runsc()
{
    local cur=${COMP_WORDS[COMP_CWORD]} i command=
    local commands="do run spec help flags"
    local globals="--root= --platform= --network= --overlay2= --debug --debug-log= --log= --log-format= --strace
        --ignore-cgroups --version --help"

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            -*) ;;
            do | run | spec | help | flags) command=${COMP_WORDS[i]} && break ;;
        esac
    done
    case $command:$cur in
        :--network=* | :--network) COMPREPLY=($(compgen -W "none host" -- "${cur#*=}")) ;;
        :--platform=* | :--platform) COMPREPLY=($(compgen -W "systrap ptrace" -- "${cur#*=}")) ;;
        :--log-format=* | :--log-format) COMPREPLY=($(compgen -W "text json" -- "${cur#*=}")) ;;
        :-*) COMPREPLY=($(compgen -W "$globals" -- "$cur")) ;;
        :*) COMPREPLY=($(compgen -W "$commands" -- "$cur")) ;;
        do:-*) COMPREPLY=($(compgen -W "-root= -cwd= -quiet -volume=" -- "$cur")) ;;
        do:*) COMPREPLY=($(compgen -c -- "$cur") $(compgen -f -- "$cur")) ;;
        run:-*) COMPREPLY=($(compgen -W "--bundle= --console-socket= --pid-file=" -- "$cur")) ;;
        spec:-*) COMPREPLY=($(compgen -W "--bundle= --cwd=" -- "$cur")) ;;
        help:*) COMPREPLY=($(compgen -W "$commands" -- "$cur")) ;;
        *) COMPREPLY=($(compgen -d -- "$cur")) ;;
    esac
    [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace
}
complete -F _runsc runsc
