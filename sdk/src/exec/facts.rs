//! What a session must remember to read the next statement: settings, transaction status, resolution epoch.
