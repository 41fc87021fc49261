// rootcast serve: the daemon in the foreground, until a signal ends it.
import { once } from 'node:events'
import { Command } from 'commander'
import { afterLoading } from '../after-loading.ts'
import { systemClock } from '../clock.ts'
import { DEFAULT_CONFIG_PATH, loadConfig, makeConfigFromExample } from '../config.ts'
import { createLog } from '../log.ts'
import { notifySystemd } from '../notify.ts'
import { type Context, configPath, examples } from './context.ts'

export function serveCommand(context: Context): Command {
  return new Command('serve')
    .description('run the boot server')
    .option(
      '--config <file>',
      'the configuration file (or ROOTCAST_CONFIG; made from the example when it is the default)'
    )
    .addHelpText('after', examples('serve', 'serve --config /etc/rootcast/rootcast.yaml'))
    .action(async (options: { config?: string }) => {
      const file = configPath(options.config, context)
      if (file === DEFAULT_CONFIG_PATH && (await makeConfigFromExample(file))) {
        context.stderr.write(`Made ${file} from the example (DHCP mode proxy); look it over.\n`)
      }
      await serve(file, context)
    })
}

async function serve(file: string, { stdout, env, signal }: Context): Promise<void> {
  const config = await loadConfig(file)
  const log = createLog({ level: config.log.level, destination: stdout })
  // Only here: no other command should wait for all of the daemon to load.
  const { startDaemon } = await import('../daemon.ts')
  const daemon = await startDaemon(config, { clock: systemClock, log })
  await notifySystemd('READY=1', env.NOTIFY_SOCKET)
  await afterLoading()
  if (!signal.aborted) await once(signal, 'abort')
  await notifySystemd('STOPPING=1', env.NOTIFY_SOCKET)
  await daemon.close()
}
