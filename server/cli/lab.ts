// rootcast lab: diskless machines, their network and a boot server, all on this computer.
import { Command, InvalidArgumentError, Option } from 'commander'
import { LOADERS, type Loader } from '../boot/model.ts'
import { type Context, examples } from './context.ts'

interface Options {
  readonly firmware: 'bios' | 'uefi'
  readonly clients: number
  readonly image: string
  readonly memory: number
  readonly loader?: Loader
  readonly keep: boolean
}

export function labCommand(context: Context): Command {
  return new Command('lab')
    .description('boot diskless machines in QEMU, from a boot server and a network of their own')
    .addOption(new Option('--firmware <kind>', 'of the machines').choices(['bios', 'uefi']).default('bios'))
    .addOption(new Option('--loader <name>', 'instead of the usual one for the firmware').choices([...LOADERS]))
    .option('--clients <n>', 'how many machines', count, 1)
    .option('--image <name>', 'a recipe of images/', 'debian-minimal')
    .option('--memory <MB>', 'of each machine', count, 2048)
    .option('--keep', 'leave everything up and attach the first machine’s console', false)
    .addHelpText('after', examples('lab', 'lab --firmware uefi', 'lab --clients 2 --memory 1024', 'lab --keep'))
    .action(async ({ memory: memoryMib, loader, ...rest }: Options) => {
      // Only here: no other command should wait for all of the lab to load.
      const { runLab } = await import('../lab/lab.ts')
      await runLab({ ...rest, memoryMib, loader: loader ?? null }, context)
    })
}

function count(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1.')
  return Number(text)
}
