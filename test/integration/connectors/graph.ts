import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type OrientRow, OrientSession } from '../../../connectors/orientdb/session.ts';
import type { Stack } from '../../../stack/stack.ts';

/** A database of its own in the real server. */
export class Graph {
  readonly stack: Stack;
  readonly database: string;

  private constructor(stack: Stack, database: string) {
    this.stack = stack;
    this.database = database;
  }

  static async make(stack: Stack, database: string): Promise<Graph> {
    const { user, passwordFile } = stack.credentials.orientdb;
    const authorization = Buffer.from(`${user}:${readFileSync(passwordFile, 'utf8').trim()}`).toString('base64');
    const url = `http://127.0.0.1:${stack.ports.orientdbHttp}/database/${database}/plocal`;
    const made = await fetch(url, { method: 'POST', headers: { authorization: `Basic ${authorization}` } });
    assert.equal(made.status, 200);
    return new Graph(stack, database);
  }

  get target() {
    const { user, passwordFile } = this.stack.credentials.orientdb;
    return {
      host: '127.0.0.1',
      port: this.stack.ports.orientdbBinary,
      database: this.database,
      user,
      password: async () => readFileSync(passwordFile, 'utf8').trim(),
    };
  }

  async query(sql: string, params = {}): Promise<readonly OrientRow[]> {
    return await this.#withSession((session) => session.query(sql, params));
  }

  async command(sql: string, params = {}): Promise<readonly OrientRow[]> {
    return await this.#withSession((session) => session.command(sql, params));
  }

  async count(className: string): Promise<number> {
    return Number((await this.query(`SELECT count(*) AS n FROM ${className}`))[0]?.n);
  }

  async endpoint(name: string): Promise<OrientRow | undefined> {
    const fields = `name, regDate, regId, regPort, regAddress, port, address, lt, expired, ver, bnd, regLastUpdate, online, sms,
      attributes, root, history, in('hasEndpoint').name AS servers`;
    return (await this.query(`SELECT ${fields} FROM Endpoints WHERE name = :name`, { name }))[0];
  }

  async objectsOf(name: string): Promise<readonly string[]> {
    const rows = await this.query('SELECT in.id AS id, instance FROM hasObject WHERE out.name = :name', { name });
    return rows.map(({ id, instance }) => `${id}/${instance}`).sort();
  }

  async #withSession<T>(work: (session: OrientSession) => Promise<T>): Promise<T> {
    const password = await this.target.password();
    const session = await OrientSession.open(this.target, password, AbortSignal.timeout(20_000));
    try {
      return await work(session);
    } finally {
      session.close();
    }
  }
}
