import { runConformance } from '../src/index.ts';
import { target } from './target.ts';

// The same bits as in Node, where their errors are compared with the bounds.
runConformance({ ...target, errorsAreThoseOf: 'cpu in Node' });
