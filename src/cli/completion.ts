import { Argument, Command, type Option } from 'commander'

const shells = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof shells)[number]

const examples = `
Examples:
  source <(framewright completion bash)
  framewright completion fish > ~/.config/fish/completions/framewright.fish`

/** @param program the whole command line, once it is there */
export function completionCommand(program: () => Command): Command {
  return new Command('completion')
    .description('Print what lets a shell complete commands and flags')
    .addArgument(new Argument('<shell>', 'bash, zsh or fish').choices(shells))
    .addHelpText('after', examples)
    .action((shell: Shell) => void process.stdout.write(completionScript(program(), shell)))
}

/** A script that a shell reads: made of the commands that there are. */
export function completionScript(program: Command, shell: Shell): string {
  if (shell === 'fish') return fishScript(program)
  const head = shell === 'zsh' ? '#compdef framewright\nautoload -U +X bashcompinit && bashcompinit\n' : ''
  return head + bashScript(program)
}

interface Entry {
  /** Names from the program's on, without it: `models pull`. */
  readonly path: string
  readonly command: Command
}

/** Every command, those with the longest names first. */
function entriesOf(command: Command, path: readonly string[] = []): Entry[] {
  const below = command.commands.flatMap(each => entriesOf(each, [...path, each.name()]))
  return [...below, { path: path.join(' '), command }]
}

const helpFlags = ['--help']

function flagsOf({ options }: Command): string[] {
  return [...options.flatMap(({ long, short }) => long ?? short ?? []), ...helpFlags]
}

function bashScript(program: Command): string {
  const cases = entriesOf(program).map(({ path, command }) => {
    const pattern = path === '' ? '*' : `" ${path} "*`
    const names = command.commands.map(each => each.name()).join(' ')
    return `    ${pattern}) names="${names}" flags="${flagsOf(command).join(' ')}" ;;`
  })
  return `_framewright() {
  local current="\${COMP_WORDS[COMP_CWORD]}" names flags
  case " \${COMP_WORDS[*]:1:COMP_CWORD-1} " in
${cases.join('\n')}
  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
  elif [[ -n $names ]]; then
    COMPREPLY=($(compgen -W "$names" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -o filenames -F _framewright framewright
`
}

function fishScript(program: Command): string {
  const lines = entriesOf(program).flatMap(({ path, command }) => {
    const [first, second] = path.split(' ')
    const seen = [first, second].filter(Boolean).map(name => `__fish_seen_subcommand_from ${name}`)
    const when = seen.length > 0 ? ` -n '${seen.join('; and ')}'` : " -n '__fish_use_subcommand'"
    const names = command.commands.map(each => {
      return `complete -c framewright${when} -f -a ${each.name()} -d ${quoted(each.description())}`
    })
    return [...names, ...command.options.map(option => fishOption(option, when))]
  })
  return `${lines.join('\n')}\n`
}

function fishOption({ long, short, description, required }: Option, when: string): string {
  const names = [long && `-l ${long.slice(2)}`, short && `-s ${short.slice(1)}`].filter(Boolean).join(' ')
  return `complete -c framewright${when} ${names}${required ? ' -r' : ''} -d ${quoted(description)}`
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
