/** An agent as a process of its own, for a test that kills it. Its model is at $LLM_WRAPPER_URL. */
import { Client, connectEvents, serve } from '../kit/index.ts';
import { aiAgent } from './organ.ts';

const client = new Client();
const { FOLDER: folder = '.' } = process.env;
const bus = connectEvents({ source: 'ai-agent', client });
await serve(aiAgent({ folder, instance: 'ai-agent-1', client, bus }));
