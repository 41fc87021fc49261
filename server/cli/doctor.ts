// rootcast doctor: what is missing or wrong here.
import { randomBytes, randomInt } from 'node:crypto'
import { Command } from 'commander'
import { systemClock } from '../clock.ts'
import { diagnose, type Finding } from '../doctor.ts'
import { type Context, configPath, examples, printJson, printLine } from './context.ts'
import { CommandFailure } from './failure.ts'

interface DoctorOptions {
  readonly config?: string
  readonly probe?: boolean
  readonly json?: boolean
}

export function doctorCommand(context: Context): Command {
  return new Command('doctor')
    .description('say what is missing or wrong on this machine, each with the line that mends it')
    .option('--config <file>', 'the configuration file (or ROOTCAST_CONFIG)')
    .option(
      '--probe',
      'look for other DHCP servers on every interface (always done on those that the configuration names)'
    )
    .option('--json', 'print the findings as JSON')
    .addHelpText('after', examples('doctor', 'doctor --probe', 'doctor --json'))
    .action(async (options: DoctorOptions) => {
      const findings = await diagnose({
        configPath: configPath(options.config, context),
        probe: options.probe ?? false,
        clock: systemClock,
        // 02: locally administered, so it is no card's own.
        mac: `02${randomBytes(5).toString('hex')}`.replace(/..(?!$)/g, '$&:'),
        xid: randomInt(2 ** 32)
      })
      if (options.json) printJson(context, findings)
      else for (const finding of findings) printLine(context, formatFinding(finding))

      const faults = findings.filter(({ ok }) => !ok).length
      if (faults > 0)
        throw new CommandFailure('UNHEALTHY', faults === 1 ? 'one thing is wrong' : `${faults} things are wrong`)
    })
}

function formatFinding({ subject, ok, detail, mend }: Finding): string {
  return ok ? `ok     ${subject}: ${detail}` : `WRONG  ${subject}: ${detail}\n       -> ${mend}`
}
