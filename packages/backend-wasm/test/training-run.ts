// Trains on each of the settings named on the command line and prints the results as JSON. Run by any version of Node.
import { trainOn } from './training.ts';

console.log(JSON.stringify(await trainOn(process.argv.slice(2))));
