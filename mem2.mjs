import fs from 'node:fs'
import { enableCompileCache } from 'node:module'
import { setFlagsFromString } from 'node:v8'
setFlagsFromString('--semi-space-growth-factor=1'); setFlagsFromString('--heap-growing-percent=33')
enableCompileCache('/tmp/mem2cache')
let last=[0,0,0]
const f=(m)=>{globalThis.gc();globalThis.gc();const s=fs.readFileSync('/proc/self/status','utf8');const v=[Number(s.match(/RssAnon:\s+(\d+)/)[1])/1024,process.memoryUsage().heapUsed/1e6,process.memoryUsage().external/1e6];console.log(m.padEnd(40),v.map((x,i)=>x.toFixed(1)+' (+'+(x-last[i]).toFixed(1)+')').join('  '));last=v}
f('start')
for(const m of ['pino','./server/config.ts','fastify','typebox','typebox/value','typebox/compile','typebox/system','@fastify/multipart','@fastify/rate-limit','@fastify/swagger','@fastify/swagger-ui','./server/http/admin-app.ts']){await import(m);f(m)}
