// The other side of TestNode: the package dynamo-lock, which neither waits nor renews
// nor releases. Every hold is over when its timeout is. See child_test.go for what is
// said on standard input and output.
'use strict';

process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = '1';
const log = console.log;
console.log = console.info = console.debug = () => {}; // dynamo-lock's own
const AWS = require('aws-sdk');
const locker = require('dynamo-lock');
const readline = require('readline');

const client = locker.createClient(process.env.PEER_TABLE, {
  db: new AWS.DynamoDB({
    endpoint: process.env.AWS_ENDPOINT_URL_DYNAMODB,
    region: process.env.AWS_REGION,
    apiVersion: '2012-08-10',
  }),
});
const stopping = new Set();

const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
const random = (millis) => Math.floor(Math.random() * millis);
const acquire = (name, timeout) => new Promise((resolve) => {
  client.getLock(name, timeout, (err) => resolve(!err));
});

// hold holds the name once. It believes for as long as it asked for, from before it
// asked: its library can't tell.
async function hold(name) {
  const timeout = 50 + random(250);
  const over = process.hrtime.bigint() + BigInt(timeout) * 1000000n;
  if (!await acquire(name, timeout)) {
    await sleep(20 + random(40));
    return;
  }
  let begin = 0n;
  let end = 0n;
  for (let now = process.hrtime.bigint(); now < over; now = process.hrtime.bigint()) {
    if (begin === 0n) begin = now;
    end = now;
    await sleep(1);
  }
  if (begin > 0n) log(`held ${name} ${begin} ${end} crashed`);
  await sleep(1200 + random(800)); // for the other side to be certain that it is over
}

async function rounds(name) {
  while (!stopping.has(name)) await hold(name);
  log(`stopped ${name}`);
}

for (const name of process.env.PEER_NAMES.split(' ')) {
  rounds(name).catch((err) => log(`error ${name}: ${err}`));
}
readline.createInterface({ input: process.stdin })
  .on('line', (line) => stopping.add(line.slice('stop '.length)))
  .on('close', () => process.exit(0));
