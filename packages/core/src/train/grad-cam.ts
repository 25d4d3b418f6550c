import { grad } from '../autograd.ts';
import { GraftError } from '../errors.ts';
import { evaluating, stageRange, stagesOf, type Module, type Stage } from '../nn/module.ts';
import { forwardStages } from '../nn/stages.ts';
import { noGrad } from '../op.ts';
import { mean, mul, oneHot, relu, sum, tensor } from '../ops/index.ts';
import { channelAxis, spatialAxes, spatialOf } from '../ops/spatial.ts';
import { scope, type Tensor } from '../tensor.ts';
import { showShape, type Layout } from '../types.ts';

export interface GradCamOptions {
  /** The stage whose output is looked at. Default: the last one that still has places, such as rows and columns. */
  readonly layer?: string;
  /** Of that output. Default: what the stages up to it say of theirs, else channels-first. */
  readonly layout?: Layout;
}

/**
 * Which places of a sample speak for a class: Grad-CAM (Selvaraju et al., 2017, arXiv:1610.02391, equations 1 and 2).
 * With Aᵏ the channels of a layer's output and y the class's logit, the map is relu(Σₖ αₖ Aᵏ), where αₖ is the mean of
 * ∂y/∂Aᵏ over all places. In evaluation mode; the model stays as it was.
 * @param x samples `[n, …]`, as `model.forward` takes them.
 * @param classIndex of all samples, or one for each.
 * @returns `[n, rows, columns]` (as many spatial axes as the layer has), spread evenly over the input. Not scaled: 0 is
 * where nothing speaks for the class.
 * @throws NameError for an unknown layer; GraftError where it has no places, for a model that gives no logits
 * `[n, classes]`, and for a class that there is not
 * @example
 * const model = new Sequential({ conv: new Conv2d(3, 4, 3), pool: new GlobalAvgPool2d(), classifier: new Linear(4, 2) });
 * gradCam(model, ones([1, 3, 8, 8]), 1).shape; // → [1, 6, 6]
 */
export function gradCam(
  model: Module,
  x: Tensor,
  classIndex: number | readonly number[],
  options: GradCamOptions = {},
): Tensor {
  return evaluating([model], () =>
    scope(() => {
      const { features, rest, layout } = cutAtPlaces(model, x, options);
      const classes = Array.from({ length: x.shape[0]! }, (_, i) =>
        typeof classIndex === 'number' ? classIndex : (classIndex[i] ?? -1),
      );
      const [gradient] = grad((a) => {
        const logits = forwardStages(rest, a);
        check(logits, classes);
        const { backend } = logits;
        const wanted = oneHot(
          tensor(Int32Array.from(classes), [classes.length], { backend }),
          logits.shape[1]!,
        );
        return sum(mul(logits, wanted));
      })(features);
      const weights = mean(gradient!, spatialAxes(layout, features.rank), { keepDims: true });
      return relu(sum(mul(weights, features), channelAxis(layout, features.rank)));
    }),
  );
}

/** The output of the wanted layer, and the modules after it. */
function cutAtPlaces(
  model: Module,
  x: Tensor,
  options: GradCamOptions,
): { features: Tensor; rest: Stage[]; layout: Layout } {
  const stages = stagesOf(model);
  const wanted = options.layer === undefined ? undefined : stageRange(model, { to: options.layer }).length;
  let found: { features: Tensor; rest: Stage[]; layout: Layout } | null = null;
  let layout = options.layout ?? 'channels-first';
  let y = x;
  for (const [i, stage] of stages.slice(0, wanted).entries()) {
    y = noGrad(() => forwardStages([stage], y));
    layout = options.layout ?? stage.module.outputLayout ?? layout;
    const places = y.rank > 2 && spatialOf(layout, y.shape).some((extent) => extent > 1);
    if (places) found = { features: y, rest: stages.slice(i + 1), layout };
    else if (i + 1 === wanted) found = null;
  }
  if (found) return found;
  throw new GraftError(
    options.layer === undefined
      ? 'gradCam: no stage of this model gives rows and columns; it wants a chain that pools them at its end'
      : `gradCam: '${options.layer}' gives ${showShape(y.shape)}, without rows and columns: name an earlier layer`,
  );
}

function check(logits: Tensor, classes: readonly number[]): void {
  if (logits.rank !== 2) {
    throw new GraftError(
      `gradCam: the model gives ${showShape(logits.shape)} where logits [n, classes] are needed`,
    );
  }
  const count = logits.shape[1]!;
  const wrong = classes.find((c) => !Number.isInteger(c) || c < 0 || c >= count);
  if (wrong !== undefined)
    throw new GraftError(`gradCam: there is no class ${wrong}; there are ${count}, from 0`);
}
