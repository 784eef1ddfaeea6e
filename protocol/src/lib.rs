//! How replicas talk: wire frames, guard and sync session, without I/O.
