// Rewrites modules as they are loaded, so that every branch reports when it is taken. Line numbers stay.
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { type AnyNode, type Literal, type Node, parse } from 'acorn'
import type { Probes } from './probes.ts'

export interface Instrumentation {
  readonly probes: Probes
  /** Strings and numbers that the code compares with: what an input may have to contain. */
  readonly words: Set<string | number>
}

/** From now on every module under one of these URLs is instrumented. */
export function instrument(roots: readonly string[], { probes, words }: Instrumentation): void {
  Object.assign(globalThis, { __hit: probes.hit })
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context)
      if (!roots.some((root) => url.startsWith(root)) || !loaded.source) return loaded
      const isTypeScript = loaded.format === 'module-typescript'
      if (!isTypeScript && loaded.format !== 'module') return loaded
      const source = Buffer.from(loaded.source as Uint8Array).toString('utf8') // never another typed array
      const code = isTypeScript ? stripTypeScriptTypes(source) : source
      return { ...loaded, format: 'module', source: instrumented(code, () => probes.add(), words) }
    }
  })
}

interface Insertion {
  readonly at: number
  readonly text: string
  readonly closes: boolean
}

/** @param words what literals the code has is added to it */
export function instrumented(code: string, newProbe: () => number, words: Set<string | number>): string {
  const insertions: Insertion[] = []
  const open = (at: number, text: string) => insertions.push({ at, text, closes: false })
  const close = (at: number, text: string) => insertions.push({ at, text, closes: true })
  const hit = () => `__hit(${newProbe()})`

  const expression = ({ start, end }: Node) => {
    open(start, `(${hit()},`)
    close(end, ')')
  }
  const statement = (node: Node) => {
    if (node.type === 'BlockStatement') {
      open(node.start + 1, `${hit()};`)
      return
    }
    open(node.start, `{${hit()};`)
    close(node.end, '}')
  }
  walk(parse(code, { ecmaVersion: 'latest', sourceType: 'module' }), (node) => {
    switch (node.type) {
      case 'FunctionDeclaration':
      case 'FunctionExpression':
      case 'CatchClause':
      case 'WhileStatement':
      case 'DoWhileStatement':
      case 'ForStatement':
      case 'ForInStatement':
      case 'ForOfStatement':
        statement(node.body)
        break
      case 'ArrowFunctionExpression':
        if (node.body.type === 'BlockStatement') statement(node.body)
        else expression(node.body)
        break
      case 'IfStatement':
        if (node.alternate) statement(node.alternate)
        else close(node.end, ` else {${hit()}}`)
        statement(node.consequent)
        break
      case 'SwitchCase': {
        const [first] = node.consequent
        if (first) open(first.start, `${hit()};`)
        break
      }
      case 'ConditionalExpression':
        expression(node.consequent)
        expression(node.alternate)
        break
      case 'LogicalExpression':
      case 'AssignmentPattern':
        expression(node.right)
        break
      case 'Literal':
        collect(node, words)
        break
      default:
    }
  })
  return applied(code, insertions)
}

/** In the order of the text, so that what is opened first at one place is the outermost. */
function walk(node: AnyNode, visit: (node: AnyNode) => void): void {
  visit(node)
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) walk(child, visit)
  }
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value
}

const LONGEST_WORD = 64

function collect({ value }: Literal, words: Set<string | number>): void {
  if (typeof value === 'string' && value !== '' && value.length <= LONGEST_WORD) words.add(value)
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) words.add(value)
}

function applied(code: string, insertions: readonly Insertion[]): string {
  // Ends before beginnings; of ends at one place the innermost, which came last, goes first.
  const ordered = insertions
    .map((insertion, order) => ({ ...insertion, order: insertion.closes ? -order - 1 : order }))
    .sort((a, b) => a.at - b.at || a.order - b.order)
  let out = ''
  let from = 0
  for (const { at, text } of ordered) {
    out += code.slice(from, at) + text
    from = at
  }
  return out + code.slice(from)
}
