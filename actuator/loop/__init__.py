"""The turn and the contact: inputs to a decision, the decision to the relay and the journal."""
