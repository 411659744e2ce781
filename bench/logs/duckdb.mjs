// The four questions, as DuckDB is asked them: one pass over the file into the columns that are
// needed, and then over those.
//   node duckdb.mjs <folder of node_modules> <log> <threads>
import {createRequire} from 'node:module';
import {resolve} from 'node:path';

const [folder, log, threads] = process.argv.slice(2);
const {DuckDBInstance} = createRequire(resolve(folder, 'package.json'))('@duckdb/node-api');
const instance = await DuckDBInstance.create(':memory:', {threads});
const db = await instance.connect();
const rows = async (sql) => (await db.runAndReadAll(sql)).getRows();
await db.run(`
  create temp table log as
  select status, split_part(request, ' ', 2) as path, try_cast(bytes as bigint) as bytes, time[2:18] as minute
  from read_csv('${log}', delim = ' ', quote = '"', escape = '"', strict_mode = false, header = false,
    auto_detect = false, ignore_errors = true, columns = {host: 'varchar', ident: 'varchar', usr: 'varchar', time: 'varchar',
    zone: 'varchar', request: 'varchar', status: 'varchar', bytes: 'varchar', referer: 'varchar', agent: 'varchar'})`);
for (const row of await rows('select status, count(*) from log group by 1 order by 1')) console.log('s', ...row.map(String));
for (const row of await rows('select path, count(*) n from log group by 1 order by n desc limit 10')) console.log('p', ...row.map(String));
for (const row of await rows('select minute, count(*) from log group by 1 order by 1')) console.log('m', ...row.map(String));
for (const row of await rows('select quantile_disc(bytes, 0.99) from log')) console.log('p99', ...row.map(String));
