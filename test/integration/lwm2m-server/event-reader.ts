/** Reads a stream of server-sent events. */
export class EventReader {
  readonly events: { readonly name: string; readonly id: string; readonly data: Record<string, unknown> }[] = [];
  readonly #stopping = new AbortController();
  #ended: Promise<void> = Promise.resolve();
  status = 0;

  static async open(url: string, headers: Record<string, string> = {}): Promise<EventReader> {
    const reader = new EventReader();
    const answer = await fetch(url, {
      headers: { accept: 'text/event-stream', ...headers },
      signal: reader.#stopping.signal,
    });
    reader.status = answer.status;
    reader.#ended = reader.#read(answer).catch(() => undefined);
    return reader;
  }

  get names(): string[] {
    return this.events.map(({ name }) => name);
  }

  of(name: string): Record<string, unknown>[] {
    return this.events.filter((event) => event.name === name).map(({ data }) => data);
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
  }

  async #read(answer: Response): Promise<void> {
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of answer.body!) {
      text += decoder.decode(chunk, { stream: true });
      const frames = text.split('\r\n\r\n');
      text = frames.pop()!;
      for (const frame of frames) this.#take(frame);
    }
  }

  #take(frame: string): void {
    const fields = new Map(
      frame
        .trim()
        .split('\r\n')
        .map((line) => line.split(/: (.*)/s) as [string, string]),
    );
    if (!fields.has('event')) return;
    this.events.push({ name: fields.get('event')!, id: fields.get('id')!, data: JSON.parse(fields.get('data')!) });
  }
}
