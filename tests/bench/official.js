// Sends the customers and orders of a file with the official SDK, as its users would, and prints what that took.
const fs = require('fs');
const { SpmClient, SpmCustomers, SpmOrders } = require('@shopimind/sdk-shopimind');

async function main() {
  const [baseUrl, token, file] = process.argv.slice(2);
  const { customers, orders } = JSON.parse(fs.readFileSync(file, 'utf8'));
  const client = SpmClient.getClient('v1', token, { baseUrl, labelSource: null });
  const cpu = process.cpuUsage();
  const started = process.hrtime.bigint();
  const envelopes = [
    await SpmCustomers.bulkSave(client, customers, { chunk: true }),
    await SpmOrders.bulkSave(client, orders, { chunk: true }),
  ];
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  const used = process.cpuUsage(cpu);
  const sent = envelopes.reduce((sum, envelope) => sum + envelope.data.sent_count, 0);
  if (sent !== customers.length + orders.length) throw new Error(`only ${sent} records were sent`);
  process.stdout.write(JSON.stringify({ records: sent, seconds, cpu: (used.user + used.system) / 1e6 }));
}

main();
