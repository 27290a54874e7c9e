// Makes calls with the official SDK, as standard input lists them, and prints its envelopes.
const fs = require('fs');
const sdk = require('@shopimind/sdk-shopimind');

async function main() {
  const input = JSON.parse(fs.readFileSync(0, 'utf8'));
  const client = sdk.SpmClient.getClient('v1', input.token, input.options);
  const envelopes = [];
  for (const [resource, method, ...args] of input.calls) {
    // eslint-disable-next-line no-await-in-loop
    envelopes.push(await sdk[resource][method](client, ...args));
  }
  process.stdout.write(JSON.stringify(envelopes));
}

main();
