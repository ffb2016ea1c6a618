import type { Feed } from '../tensor/resident.ts'
import type { RunOptions, RunResult, Session } from './backend.ts'
import type { InputShapes } from './tensorrt-options.ts'

/**
 * A session that opens another one for every set of shapes that it is fed, and keeps them: engines of TensorRT are built for
 * exact shapes, which are first known when a graph is run.
 * @param open opens one for inputs of these shapes
 */
export function sessionPerShape(name: string, open: (shapes: InputShapes) => Promise<Session>): Session {
  const sessions = new Map<string, Promise<Session>>()
  return {
    name,
    async run(feeds: Readonly<Record<string, Feed>>, options?: RunOptions): Promise<RunResult> {
      const shapes = shapesOf(feeds)
      const key = JSON.stringify(shapes)
      let session = sessions.get(key)
      if (!session) {
        session = open(shapes)
        sessions.set(key, session)
        session.catch(() => sessions.delete(key))
      }
      return await (await session).run(feeds, options)
    },
    async release() {
      const opened = await Promise.allSettled(sessions.values())
      sessions.clear()
      await Promise.all(opened.map(each => each.status === 'fulfilled' && each.value.release()))
    },
  }
}

/** In the order of names: two that are equal have one text. */
function shapesOf(feeds: Readonly<Record<string, Feed>>): InputShapes {
  const entries = Object.entries(feeds).map(([name, feed]) => [name, feed.shape] as const)
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
