import { equal, notEqual, rejects, throws } from 'node:assert/strict';
import { ScramClient } from '../../../../replicator/wire/scram.ts';

/** RFC 7677 §3. */
const RFC = {
  credentials: { username: 'user', password: 'pencil' },
  nonce: 'rOprNGfwEbeRWgbNEkqO',
  first: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  final: 'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
};

function client(): ScramClient {
  return new ScramClient('sha256', RFC.credentials, RFC.nonce);
}

describe('SCRAM', () => {
  it('says what RFC 7677 says, and knows the broker’s signature', async () => {
    const scram = client();
    equal(scram.first().toString(), RFC.first);
    equal((await scram.final(Buffer.from(RFC.serverFirst))).toString(), RFC.final);
    scram.verify(Buffer.from(RFC.serverFinal));
  });

  it('writes the two characters of a name that mean something to SCRAM as RFC 5802 says', () => {
    const scram = new ScramClient('sha512', { username: 'a=b,c', password: 'x' }, 'n');
    equal(scram.first().toString(), 'n,,n=a=3Db=2Cc,r=n');
  });

  it('has another proof with SHA-512', async () => {
    const scram = new ScramClient('sha512', RFC.credentials, RFC.nonce);
    const final = (await scram.final(Buffer.from(RFC.serverFirst))).toString();
    notEqual(final, RFC.final);
    equal(Buffer.from(final.split(',p=')[1]!, 'base64').length, 64);
  });

  for (const [name, message] of [
    ['a nonce that is not ours', 'r=otherNonce,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'],
    ['a nonce without the broker’s part', `r=${RFC.nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`],
    ['no salt', `r=${RFC.nonce}x,i=4096`],
    ['too few iterations', `r=${RFC.nonce}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1`],
    ['iterations that would keep us busy for hours', `r=${RFC.nonce}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=2000000000`],
    ['an error', 'e=unknown-user'],
    ['nothing', ''],
  ] as const) {
    it(`refuses ${name}`, async () => {
      await rejects(client().final(Buffer.from(message)), { code: 'KAFKA_REFUSED' });
    });
  }

  for (const answer of ['v=AAAA', 'e=invalid-proof', '', `v=${Buffer.alloc(32).toString('base64')}`]) {
    it(`does not believe a broker that ends with "${answer}"`, async () => {
      const scram = client();
      await scram.final(Buffer.from(RFC.serverFirst));
      throws(() => scram.verify(Buffer.from(answer)), { code: 'KAFKA_REFUSED' });
    });
  }

  it('does not believe a broker before its own proof was sent', () => {
    throws(() => client().verify(Buffer.from(RFC.serverFinal)), { code: 'KAFKA_REFUSED' });
  });
});
