"""What both programs share and other Python exporters lack: flags, log, config, web, health."""
