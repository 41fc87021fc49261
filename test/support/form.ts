/** A form as a browser or curl sends it; a value that is a Buffer goes as a file. */
export function form(...parts: readonly (readonly [name: string, value: string | Buffer])[]) {
  const boundary = 'test-boundary'
  const chunks = parts.flatMap(([name, value]) => {
    const file = typeof value === 'string' ? '' : `; filename="${name}.bin"\r\nContent-Type: application/octet-stream`
    return [`--${boundary}\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n`, value, '\r\n']
  })
  const payload = Buffer.concat([...chunks, `--${boundary}--\r\n`].map((chunk) => Buffer.from(chunk)))
  return { payload, headers: { 'content-type': `multipart/form-data; boundary=${boundary}` } }
}
