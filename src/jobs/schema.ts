import { JobsError } from '../errors.ts'
import type { Session } from './database.ts'

/** Told of every change of a task: `<id> <state>`. */
export const channel = 'framewright_tasks'

type Step = string | ((session: Session) => Promise<void>)

/** The steps by which the tables came to be, in order: a database remembers how many it has had. Never edit one. */
const steps: readonly Step[] = [
  `
  CREATE TABLE framewright.tasks (
    id uuid PRIMARY KEY,
    seq bigserial UNIQUE,
    queue text NOT NULL,
    model text NOT NULL,
    owner text NOT NULL,
    api text NOT NULL,
    request json NOT NULL,
    about json NOT NULL,
    priority int NOT NULL,
    webhook json,
    state text NOT NULL DEFAULT 'queued'
      CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    attempt int NOT NULL DEFAULT 0,
    progress json NOT NULL,
    result json,
    failure json,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at timestamptz,
    finished_at timestamptz,
    worker uuid,
    lease_until timestamptz
  );
  CREATE INDEX tasks_of_owner ON framewright.tasks (owner, seq);
  CREATE INDEX tasks_active ON framewright.tasks (queue, state, priority DESC, seq)
    WHERE state IN ('queued', 'running');
  CREATE INDEX tasks_finished ON framewright.tasks (finished_at) WHERE finished_at IS NOT NULL;
  CREATE TABLE framewright.idempotency (
    owner text NOT NULL,
    key text NOT NULL,
    fingerprint text NOT NULL,
    task uuid NOT NULL REFERENCES framewright.tasks ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (owner, key)
  );
  CREATE INDEX idempotency_of_task ON framewright.idempotency (task);
  CREATE TABLE framewright.keys (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    hash text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    limits json NOT NULL
  );
  CREATE TABLE framewright.workers (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    queue text NOT NULL,
    models json NOT NULL,
    lanes int NOT NULL,
    seen_at timestamptz NOT NULL
  );
  `,
  "ALTER TABLE framewright.workers ADD COLUMN adapters json NOT NULL DEFAULT '[]'",
  // PostgreSQL refuses to look into JSON with an escape that is no character, so that one such text fails a whole
  // statement: here JSON is text, and what statements ask for has columns of its own.
  `
  ALTER TABLE framewright.tasks
    ALTER COLUMN request TYPE text USING request::text,
    ALTER COLUMN about TYPE text USING about::text,
    ALTER COLUMN webhook TYPE text USING webhook::text,
    ALTER COLUMN progress TYPE text USING progress::text,
    ALTER COLUMN result TYPE text USING result::text,
    ALTER COLUMN failure TYPE text USING failure::text,
    ADD COLUMN adapters text[] NOT NULL DEFAULT '{}',
    ADD COLUMN failures int NOT NULL DEFAULT 0,
    ADD COLUMN wait_from timestamptz,
    ADD COLUMN wait_until timestamptz,
    ADD COLUMN answered boolean NOT NULL DEFAULT true;
  CREATE TABLE framewright.webhooks (
    id uuid PRIMARY KEY,
    seq bigserial,
    task uuid NOT NULL,
    owner text NOT NULL,
    tries int NOT NULL DEFAULT 0,
    sender uuid,
    wait_from timestamptz,
    wait_until timestamptz,
    error text,
    given_up boolean NOT NULL DEFAULT false
  );
  CREATE INDEX webhooks_waiting ON framewright.webhooks (tries, seq) WHERE NOT given_up;
  CREATE INDEX webhooks_of_task ON framewright.webhooks (task);
  CREATE TABLE framewright.storage (id uuid NOT NULL, single boolean PRIMARY KEY DEFAULT true CHECK (single));
  `,
  separateAdapters,
  takeOverWebhooks,
  // A client that goes through its tasks and removes each goes on from one that is not there any more.
  `
  CREATE TABLE framewright.removed_tasks (
    id uuid PRIMARY KEY,
    owner text NOT NULL,
    seq bigint NOT NULL,
    removed_at timestamptz NOT NULL DEFAULT clock_timestamp()
  );
  CREATE INDEX removed_tasks_by_time ON framewright.removed_tasks (removed_at);
  `,
]

/** `model` was a model's name, or a JSON list of it and the names of its adapters. */
async function separateAdapters(session: Session): Promise<void> {
  const rows = await session.query(
    "SELECT id, model FROM framewright.tasks WHERE model LIKE '[%' AND state IN ('queued', 'running')",
  )
  for (const { id, model } of rows as readonly { id: string; model: string }[]) {
    const [name, ...adapters] = namesOf(model)
    await session.query('UPDATE framewright.tasks SET model = $2, adapters = $3::text[] WHERE id = $1', [
      id,
      name,
      adapters,
    ])
  }
}

function namesOf(model: string): readonly string[] {
  try {
    return JSON.parse(model) as string[]
  } catch {
    return [model]
  }
}

/** Webhooks that waited in pg-boss's tables, which held the queue before. */
async function takeOverWebhooks(session: Session): Promise<void> {
  const [row] = await session.query("SELECT to_regclass('framewright_queue.job') IS NOT NULL AS found")
  if (!row?.found) return
  await session.query(`
    INSERT INTO framewright.webhooks (id, task, owner, tries)
    SELECT j.id, t.id, t.owner, j.retry_count FROM framewright_queue.job j
    JOIN framewright.tasks t ON t.id::text = j.data->>'task'
    WHERE j.name = 'webhooks' AND j.state IN ('created', 'retry', 'active');
    DROP SCHEMA framewright_queue CASCADE;
  `)
}

/**
 * Brings the tables to what this version needs. Processes that start together wait for each other.
 * @param until how many of the steps there are to be
 * @throws JobsError for a database of a newer version
 */
export async function migrate(session: Session, until = steps.length): Promise<void> {
  await session.query('SELECT pg_advisory_xact_lock(7301264812)')
  await session.query(`
    CREATE SCHEMA IF NOT EXISTS framewright;
    CREATE TABLE IF NOT EXISTS framewright.version (steps int NOT NULL);
  `)
  const [row] = await session.query('SELECT steps FROM framewright.version')
  const had = (row?.steps as number | undefined) ?? 0
  if (had > steps.length) {
    throw new JobsError('jobs/database', {
      subject: 'database of the tasks',
      expected: `the tables of this version, ${steps.length}`,
      got: `those of a newer one, ${had}`,
      advice: 'Upgrade this program too.',
    })
  }
  for (const step of steps.slice(had, until)) {
    if (typeof step === 'string') await session.query(step)
    else await step(session)
  }
  if (row === undefined) await session.query(`INSERT INTO framewright.version VALUES (${until})`)
  else if (had < until) await session.query(`UPDATE framewright.version SET steps = ${until}`)
}
