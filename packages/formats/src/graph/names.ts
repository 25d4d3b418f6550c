/** Last parts of names that say what a tensor is to its layer. */
const ROLES = /\.(weight|bias|gamma|beta|running_mean|running_var|moving_mean|moving_variance)$/;

/**
 * Is it a name that somebody gave, such as 'layer1.0.conv1.weight', 'conv0_weight' or 'W', and not one that a tool made,
 * such as '193', 'onnx::Conv_193' or 'const_fold_opt__12'?
 */
export function isGivenName(name: string): boolean {
  if (!/^[A-Za-z_][\w-]*(\.[\w-]+)*$/.test(name)) return false;
  const says = /weight|bias|gamma|beta|kernel|mean|var|scale|slope|(^|_)[wbs]\d*(_\d+)?$/i;
  return name.includes('.') || (says.test(name) && !/__\d+$/.test(name));
}

/** The layer that a tensor belongs to: 'layer1.0.conv1.weight' → 'layer1.0.conv1'; undefined if the name does not say. */
export function ownerOf(tensorName: string): string | undefined {
  return isGivenName(tensorName) && ROLES.test(tensorName) ? tensorName.replace(ROLES, '') : undefined;
}
