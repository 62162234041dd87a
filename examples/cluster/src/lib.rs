//! A job runner over HTTP that runs on a license.
