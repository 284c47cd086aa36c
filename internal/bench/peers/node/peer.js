// A worker of the benchmarks on dynamo-lock, which has neither release nor waiting:
// hold acquires, or fails, and lets the time run out; pairs acquires alone, each
// time another name. The commands and answers are those of package worker, without
// crowd, wait, leases and check.
'use strict';

process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = '1';
const log = console.log;
console.log = console.info = console.debug = () => {}; // dynamo-lock's own
const AWS = require('aws-sdk');
const locker = require('dynamo-lock');
const readline = require('readline');

const client = locker.createClient(process.env.HOLDFAST_BENCH_TABLE, {
  db: new AWS.DynamoDB({
    endpoint: process.env.AWS_ENDPOINT_URL_DYNAMODB,
    region: process.env.AWS_REGION,
    apiVersion: '2012-08-10',
  }),
});
const ttl = Number(process.env.HOLDFAST_BENCH_TTL) || 30000;

// say keeps nanoseconds whole, which a number of JavaScript's can't.
const now = () => String(Math.round((performance.timeOrigin + performance.now()) * 1000)) + '000';
const say = (...words) => log(words.join(' '));

const acquire = (name, millis) => new Promise((resolve, reject) => {
  client.getLock(name, millis, (err) => (err ? reject(new Error(err)) : resolve()));
});

async function carryOut(command, name, n) {
  switch (command) {
    case 'hold':
    case 'keep':
      say('ask', name, now());
      await acquire(name, command === 'keep' ? ttl : Math.max(1, Number(n)));
      say('got', name, now());
      return;
    case 'pairs': {
      const took = [];
      const before = process.cpuUsage();
      for (let i = 0; i < Number(n); i++) {
        const start = process.hrtime.bigint();
        await acquire(`${name}/${i}`, ttl);
        took.push(process.hrtime.bigint() - start);
      }
      const used = process.cpuUsage(before);
      say('pairs', name, (used.user + used.system) * 1000, took.join(','));
      return;
    }
    default:
      throw new Error('no such command');
  }
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const words = line.trim().split(/ +/);
  if (words[0] === 'quit') process.exit(0);
  carryOut(...words).catch((err) => say('error', '-', line, err.message));
}).on('close', () => process.exit(0));

say('ready', '-', now());
