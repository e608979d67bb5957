"""Home Assistant over MQTT: the discovery documents, and the client that keeps a broker up to date with them.

Loaded only by a program whose configuration has `mqtt:`, except `config` and `options`.
"""
