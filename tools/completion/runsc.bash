# bash completion for runsc
_runsc()
{
    local cur=${COMP_WORDS[COMP_CWORD]} i command=
    local commands="create start run do exec state list ps kill wait pause resume update events read usage debug delete
        spec install uninstall features port-forward help flags"
    local globals="--root= --platform= --network= --overlay2= --debug --debug-log= --log= --log-format= --strace
        --ignore-cgroups --version --help"

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            -*) ;;
            *) [[ " ${commands//$'\n'/ } " == *" ${COMP_WORDS[i]} "* ]] && command=${COMP_WORDS[i]} && break ;;
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
        run:-*) COMPREPLY=($(compgen -W "-bundle= -console-socket= -pid-file= -detach -pass-fd= -exec-fd=" -- "$cur")) ;;
        create:-*) COMPREPLY=($(compgen -W "-bundle= -console-socket= -pid-file= -pass-fd= -exec-fd=" -- "$cur")) ;;
        exec:-*) COMPREPLY=($(compgen -W "-user= -cwd= -env= -tty -detach -process= -pid-file= -cap=" -- "$cur")) ;;
        delete:-*) COMPREPLY=($(compgen -W "-force" -- "$cur")) ;;
        kill:-*) COMPREPLY=($(compgen -W "-all -pid= -pgid=" -- "$cur")) ;;
        list:-*) COMPREPLY=($(compgen -W "-format=table -format=json -quiet" -- "$cur")) ;;
        start:* | exec:* | state:* | ps:* | kill:* | wait:* | pause:* | resume:* | update:* | events:* | read:* | usage:* | debug:* | delete:*)
            COMPREPLY=($(compgen -W "$(runsc list -quiet 2>/dev/null)" -- "$cur")) ;;
        spec:-*) COMPREPLY=($(compgen -W "--bundle= --cwd=" -- "$cur")) ;;
        help:*) COMPREPLY=($(compgen -W "$commands" -- "$cur")) ;;
        *) COMPREPLY=($(compgen -d -- "$cur")) ;;
    esac
    [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace
}
complete -F _runsc runsc
