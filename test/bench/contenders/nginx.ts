// nginx with sendfile, one worker, and no access log.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { cacheDirectory } from '../cache.ts'
import type { ServerCommand } from '../lab/pinned.ts'
import { type Contender, debianVersion, plainName } from './contender.ts'

export function nginx(root: string, address: string): Contender {
  return {
    name: 'nginx',
    version: debianVersion('nginx-common'),
    nameOf: plainName,
    server: () => nginxCommand(root, address)
  }
}

export function nginxCommand(root: string, address: string): ServerCommand {
  const directory = cacheDirectory('nginx')
  const config = path.join(directory, 'nginx.conf')
  writeFileSync(config, configuration(directory, root, address))
  return { command: ['nginx', '-c', config, '-p', directory, '-e', 'stderr'], ready: [{ protocol: 'tcp', port: 80 }] }
}

function configuration(directory: string, root: string, address: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (what) => `  ${what}_temp_path ${directory}/${what};`
  )
  return `user root;
worker_processes 1;
daemon off;
pid ${directory}/pid;
events { worker_connections 4096; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  default_type application/octet-stream;
${temporary.join('\n')}
  server { listen ${address}:80 backlog=4096; root ${root}; }
}
`
}
