moment-now = just now
