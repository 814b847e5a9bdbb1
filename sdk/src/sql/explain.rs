//! What pgseal explain prints: decision, reason, physical SQL, what the statement reveals.
