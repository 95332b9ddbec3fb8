// placeholder until scripts/generate_sqlstate.ts has run
export const CONDITIONS = { "23505": "unique_violation" } as const;
export type ConditionName = (typeof CONDITIONS)[keyof typeof CONDITIONS];
