//! What event data is: entities, facts, documents, the access table and pure decisions.
