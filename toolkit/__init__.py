"""What both programs share and other Python exporters lack: flags, logging, configuration, web configuration, health."""
