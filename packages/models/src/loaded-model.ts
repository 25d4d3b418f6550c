import { GraftError, type Backend, type Module } from '@graftjs/core';
import type { InputRange } from '@graftjs/formats/import';
import type { ModelInfo } from './model-file.ts';

export interface LoadOptions {
  /** Where the weights go. Default: `getDefaultBackend()`. */
  readonly backend?: Backend;
  /** Side of the pictures in pixels. Default: what the model was made for; 224 where its file leaves that open. */
  readonly size?: number;
  /** Of a network with several outputs the one to lead to, or a value in the middle. Default: up to where they part. */
  readonly output?: string;
  /** What the file is called, for messages; its ending tells what it is where the bytes do not. */
  readonly name?: string;
  /** Reads a file that the model names and lies beside it: weights outside of an `.onnx` file, the shards of a `model.json`. */
  readonly readExternal?: (name: string) => Promise<Uint8Array>;
}

export interface LoadedModel {
  /** In evaluation mode. Locks and parameter groups are as they were. */
  readonly model: Module;
  readonly info: ModelInfo;
  readonly format: 'safetensors' | 'onnx' | 'tfjs';
  /** The numbers that the network's first nodes show it to take, where nobody stated its preprocessing. */
  readonly inputRange: InputRange | null;
  /** Why pictures do not become its input, where something is known of that. */
  readonly notPictures: string | null;
  /** Names and shapes of what the file gives; null for Graft's own files, which give one thing. */
  readonly outputs: readonly string[] | null;
  /** Of a file with several outputs the value where they part, with which the model ends. */
  readonly trunk: string | null;
  /** The file gives probabilities, the model logits. */
  readonly withoutSoftmax: boolean;
}

/** What is said of a network whose first nodes tell what it takes. */
const SEEN: Readonly<Record<InputRange, string>> = {
  bytes: 'scales pictures itself and takes their values as they are, 0 … 255',
  unit: 'normalises pictures itself and takes their values as 0 … 1',
};

/**
 * What people should know of how a model was taken from its file, in sentences without a subject: 'does not say how …'.
 * @param option how the caller's user says which output it shall lead to
 */
export function notesOf(
  { info: { preprocess, preprocessAssumed }, inputRange, outputs, trunk }: LoadedModel,
  option: string = "{ output: 'NAME' }",
): string[] {
  const notes: string[] = [];
  const at = preprocess && `at ${preprocess.size} × ${preprocess.size} pixels`;
  if (preprocess && preprocessAssumed)
    notes.push(`does not say how pictures become its input; taken as usual for ImageNet, ${at}`);
  if (preprocess && inputRange) notes.push(`${SEEN[inputRange]}, as its first nodes show; ${at}`);
  if (outputs && trunk !== null)
    notes.push(
      `has ${outputs.length} outputs, ${listed(outputs)}: taken up to '${trunk}', where they part; ${option} takes the way to one`,
    );
  return notes;
}

/** The first six, and how many more there are. */
function listed(names: readonly string[]): string {
  const rest = names.length - 6;
  return names.slice(0, 6).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

/** @throws GraftError for a network of several outputs, none of which was chosen */
export function wantOneOutput({ outputs }: LoadedModel, option: string = "{ output: 'NAME' }"): void {
  if (outputs && outputs.length > 1)
    throw new GraftError(
      `has ${outputs.length} outputs, ${listed(outputs)}; choose the one with the classes: ${option}`,
    );
}
