import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readProfiles } from '../../../src/benchmark/profile.ts'
import { scratchFolder } from '../../scratch.ts'

const scratch = scratchFolder()

function node(op: string, ts: number, dur: number, name = `x/${op}_kernel_time`): object {
  return { cat: 'Node', name, ts, dur, args: { op_name: op } }
}

function run(ts: number): object {
  return { cat: 'Session', name: 'model_run', ts, dur: 100 }
}

describe('a profile', () => {
  test('is summed up by class of op, over the last runs of every graph', async () => {
    // The session of `a` was opened twice: the later file has the runs that count.
    writeFileSync(join(scratch, '0000-a~1.json'), JSON.stringify([run(0), node('Add', 1, 900)]))
    const events = [
      { cat: 'Session', name: 'session_initialization', ts: 0, dur: 5 },
      run(0),
      node('FusedMatMul', 1, 500),
      run(200),
      node('FusedMatMul', 201, 30),
      node('Add', 240, 10),
      node('Add', 260, 7, 'x/Add_fence_before'),
    ]
    writeFileSync(join(scratch, '0002-a~2.json'), JSON.stringify(events))
    const two = [run(0), node('Add', 1, 10), run(100), node('NoSuchOp', 101, 50)]
    writeFileSync(join(scratch, '0001-b~1.json'), JSON.stringify(two))
    const runs = new Map([
      ['a', 1],
      ['b', 2],
      ['never opened', 1],
    ])
    expect(await readProfiles(scratch, runs)).toEqual([
      { opClass: 'other', seconds: expect.closeTo(50e-6, 9), nodes: 1, share: expect.closeTo(0.5, 9) },
      { opClass: 'matmul', seconds: expect.closeTo(30e-6, 9), nodes: 1, share: expect.closeTo(0.3, 9) },
      { opClass: 'elementwise', seconds: expect.closeTo(20e-6, 9), nodes: 2, share: expect.closeTo(0.2, 9) },
    ])
  })
})
