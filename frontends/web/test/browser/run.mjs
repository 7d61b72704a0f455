// Runs the tests in a browser, one after another, and closes with how many passed.
import * as access from './access.mjs';
import * as hosts from './hosts.mjs';
import * as invitations from './invitations.mjs';
import { stories, tidy } from './lab.mjs';
import * as latency from './latency.mjs';
import * as meeting from './meeting.mjs';
import * as narrow from './narrow.mjs';
import * as rooms from './rooms.mjs';
import * as security from './security.mjs';
import * as senses from './senses.mjs';
import * as wire from './wire.mjs';

const only = process.argv[2];
const tests = Object.entries({
  ...meeting,
  ...senses,
  ...wire,
  ...narrow,
  ...rooms,
  ...invitations,
  ...hosts,
  ...security,
  ...access,
  ...latency,
}).filter(([name, test]) => typeof test === 'function' && name.includes('_') && (!only || name.includes(only)));
let failed = 0;
for (const [name, test] of tests) {
  const start = Date.now();
  try {
    await test();
    console.log(`ok   ${name} (${((Date.now() - start) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name} (${((Date.now() - start) / 1000).toFixed(1)} s)\n${error.stack}\n${await stories()}`);
  } finally {
    await tidy();
  }
}
console.log(`${tests.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 && tests.length > 0 ? 0 : 1);
