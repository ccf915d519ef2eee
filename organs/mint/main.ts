import { Client, connectEvents, dataFolder, log, messageOf, serve } from '../kit/index.ts';
import { mint } from './organ.ts';

const {
  MINT_RP_NAME: name = 'Azora Mint',
  MINT_RP_ID: id = 'localhost',
  MINT_ORIGIN: origin = 'http://localhost',
} = process.env;

try {
  const client = new Client();
  const bus = connectEvents({ source: 'mint', client });
  await serve(mint({ folder: dataFolder('mint'), client, bus, party: { name, id, origin } }));
} catch (error) {
  log(`mint cannot start: ${messageOf(error)}`);
  process.exit(1);
}
