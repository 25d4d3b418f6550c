/** A support table without the shares: they depend on the last bits of the runtime's functions. */
export function withoutShares(table: string): string {
  return table.replace(/ \d\.\d\d( \/ \d\.\d\d)?(?= )/g, '');
}
