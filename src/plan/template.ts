/**
 * The text of a first plan for `capstan init`, in snarktank's format: one small step as an example.
 * `schema` is where editors find the JSON Schema, left out when there is no such place.
 */
export function newPlan(options: { project: string; branchName: string; schema?: string }): string {
  const plan = {
    ...options.schema === undefined ? {} : { $schema: options.schema },
    project: options.project,
    branchName: options.branchName,
    description: "What this plan is for, in a sentence or two",
    userStories: [{
      id: "US-001",
      title: "The first small step",
      description: "As a user, I want one thing that fits into one sitting, so that it can be checked by itself",
      acceptanceCriteria: ["A sentence that is true when the step is done", "Tests pass"],
      priority: 1,
      passes: false,
      notes: "",
    }],
  };
  return `${JSON.stringify(plan, null, 2)}\n`;
}
