"""The platform's API: regions, client, wire models, refusals. Nothing else knows the platform's URLs."""
