"""grafana: what teams see in Grafana, and the way there.

Dashboards and alert rules, made by code and kept as files that Grafana provisions; the same files sent over Grafana's
API, with annotations; and a preview of the dashboards without Grafana. It reads what the store has, decides nothing
about what regressed, and overwrites nothing that people changed in Grafana unless they ask for it.
"""
