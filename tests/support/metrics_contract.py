"""The metrics that rules and dashboards may use, with their labels.

This is a second copy on purpose: a name that changes both in a program and in a rule breaks the users' own dashboards,
and would otherwise break no test.
"""

from __future__ import annotations

# A scrape adds these to every series; `site` only if the user sets it.
TARGET_LABELS = frozenset({"job", "instance", "site"})

_DEVICE_FAMILIES = ("magnum", "classic", "modbus", "aims", "vedirect", "pylontech")

_BY_LABELS: dict[tuple[str, ...], str] = {
    (): """
        battery_soc_ratio battery_soc_last_update_timestamp_seconds battery_soc_spread_ratio
        battery_time_to_empty_seconds battery_full
        generator_start_soc_ratio generator_stop_soc_ratio generator_relay_commanded generator_relay_closed
        generator_running generator_running_without_charge
        generator_run_deadline_timestamp_seconds generator_heartbeat_timestamp_seconds
        generator_start_failures_total generator_stop_failures_total generator_run_seconds_total
        generator_engine_seconds_total generator_service_due_seconds generator_history_writable
        generator_settings_dropped
        generator_relay_errors_total generator_budget_remaining_seconds generator_lockout generator_attempts
        generator_emergency_reserve_seconds
        magnum_exporter_config_last_reload_successful generator_actuator_config_last_reload_successful
        magnum_exporter_web_config_last_reload_successful generator_actuator_web_config_last_reload_successful
        generator_journal_writable generator_journal_mirrored generator_journal_torn generator_exporter_reachable
        generator_ags_cap_shortens generator_stop_alert_stuck generator_clock_synchronised
        up process_start_time_seconds
        instance:solar_watts instance:load_watts instance:ac_input_watts instance:generator_watts instance:grid_watts
        instance:battery_watts site:generator_running
        instance:generator_engine_seconds:increase1d instance:generator_starts:increase1d
    """
    + " ".join(
        f"instance:{flow}_joules:increase{window}"
        for flow in ("load", "ac_input", "generator", "grid", "solar", "battery_charge", "battery_discharge")
        for window in ("1h", "1d")
    )
    + " instance:generator_of_ac_input:ratio1h instance:generator_of_ac_input:ratio1d",
    ("source",): "battery_soc_source_ratio battery_soc_lead battery_soc_trusted",
    ("source", "reason"): "battery_soc_refused",
    ("phase",): "generator_phase",
    ("severity",): "generator_severity",
    ("mode",): "generator_mode",
    ("profile",): "generator_profile",
    ("path",): "generator_path",
    ("cause",): "generator_demand generator_starts_total",
    ("reason",): "generator_inhibited generator_notifications_rejected_total generator_commands_rejected_total",
    ("status",): "generator_notifications_total",
    ("version", "revision", "python_version"): "magnum_exporter_build_info generator_actuator_build_info",
    ("device",): " ".join(
        f"{family}_{suffix}"
        for family in _DEVICE_FAMILIES
        for suffix in ("up", "last_success_timestamp_seconds", "reads_total", "read_failures_total")
    )
    + """
        magnum_discarded_bytes_total magnum_reconnects_total
        magnum_inverter_state_code magnum_inverter_fault_code
        magnum_inverter_dc_volts magnum_inverter_dc_amperes magnum_inverter_dc_watts
        magnum_inverter_ac_output_volts magnum_inverter_ac_frequency_hertz magnum_inverter_ac_input_amperes
        magnum_inverter_ac_inverter_amperes magnum_inverter_ac_output_amperes
        magnum_inverter_ac_input_peak_volts magnum_inverter_ac_input_volts
        magnum_inverter_battery_celsius magnum_inverter_transformer_celsius magnum_inverter_fet_celsius
        magnum_inverter_ac_output_watts magnum_inverter_ac_input_watts magnum_inverter_ac_output_watts_peak
        magnum_inverter_ac_output_joules_total magnum_inverter_ac_input_joules_total
        magnum_inverter_dc_charge_joules_total magnum_inverter_dc_discharge_joules_total
        magnum_ags_state_code magnum_ags_running magnum_ags_celsius magnum_ags_battery_volts magnum_ags_run_seconds
        magnum_ags_since_last_run_seconds
        magnum_bmk_soc_ratio magnum_bmk_volts magnum_bmk_amperes magnum_bmk_min_volts magnum_bmk_max_volts
        magnum_bmk_net_amphours magnum_bmk_trip_amphours magnum_bmk_discharged_amphours_total
        magnum_pt100_battery_watts magnum_pt100_battery_volts magnum_pt100_battery_amperes magnum_pt100_pv_volts
        magnum_pt100_battery_celsius magnum_pt100_fet_celsius magnum_pt100_target_volts
        classic_battery_volts classic_battery_amperes classic_battery_watts classic_pv_volts classic_pv_amperes
        classic_battery_celsius classic_fet_celsius classic_pcb_celsius classic_target_volts
        classic_energy_joules_total classic_energy_today_joules classic_whizbang_amperes
        modbus_battery_volts modbus_battery_amperes modbus_battery_watts modbus_soc_ratio modbus_soh_ratio
        modbus_cycles_total modbus_full_amphours modbus_remaining_amphours
        aims_input_volts aims_output_volts aims_load_ratio aims_battery_volts aims_celsius
        vedirect_battery_volts vedirect_battery_amperes vedirect_battery_watts vedirect_source_watts
        vedirect_charged_joules_total vedirect_discharged_joules_total vedirect_source_joules_total
        vedirect_cycles_total vedirect_since_full_seconds vedirect_alarm
    """,
    ("device", "stage"): "classic_charge_stage",
    ("device", "mode"): "magnum_pt100_mode vedirect_monitor_mode",
    ("device", "sensor"): "modbus_celsius",
    ("device", "module"): """
        pylontech_battery_volts pylontech_battery_amperes pylontech_soc_ratio pylontech_soh_ratio
        pylontech_cycles_total pylontech_full_amphours
    """,
    ("device", "module", "sensor"): "pylontech_celsius",
    ("device", "frame"): "magnum_frames_total",
    ("device", "flag"): "aims_status vedirect_alarm_reason",
    ("device", "cell"): "modbus_cell_volts",
    ("device", "module", "cell"): "pylontech_cell_volts",
    ("device", "reason"): "classic_resting_reason "
    + " ".join(f"{family}_implausible_total" for family in _DEVICE_FAMILIES),
    ("bank",): """
        battery_bank_soc_ratio battery_bank_amperes battery_bank_watts battery_bank_volts battery_bank_full_amphours
        battery_bank_cell_spread_volts
    """,
    ("bank", "pack"): """
        battery_bank_lowest_cell_volts battery_bank_highest_cell_volts battery_bank_pack_missing
    """,
    ("device", "state"): "magnum_inverter_state magnum_ags_state magnum_bmk_state modbus_battery_state",
    ("device", "fault"): "magnum_inverter_fault",
    ("device", "model", "revision", "stack_mode", "nominal_volts"): "magnum_inverter_info",
    # Prometheus' and Alertmanager's own, as of 2.42 and 0.25.
    ("alertname", "alertstate", "severity"): "ALERTS",
    ("rule_group",): "prometheus_rule_evaluation_failures_total",
    ("integration",): "alertmanager_notifications_failed_total",
}

METRICS: dict[str, frozenset[str]] = {
    name: frozenset(labels) for labels, names in _BY_LABELS.items() for name in names.split()
}

# All values of the labels for states, `unknown` included.
_VALUES = {
    "phase": "off starting running stopping unknown",
    "mode": "auto on off solar_charger sleep bulk absorb float equalize",
    "path": "waiting alerts fallback blind",
    "cause": "alert fallback emergency blind exercise manual full_charge quiet_ahead",
    "status": "firing resolved",
    "reason": """
        mode_off locked_out inhibit_alert no_evidence short_cycle journal relay_fault max_run budget min_off back_off
        quiet_hours ags_refuses foreign_run ac_live
        malformed unauthenticated too_large content_type unknown_alert other_site late forbidden conflict too_many
        absent stale range frozen jump outvoted left_over cells soc health remaining power
    """,
    "state": """
        charger_standby equalize float absorb bulk battery_saver load_support_volts load_support_amps charge off
        inverting inverter_standby search unknown
        not_connected ready manual_run ac_in quiet_time start_test start_temperature start_voltage fault_start_test
        fault_start_temperature fault_start_voltage start_time_of_day start_soc start_exercise
        fault_start_time_of_day fault_start_soc fault_start_exercise start_amps start_topoff start_full_soc
        fault_start_amps fault_topoff fault_full_soc fault_max_run run_fault warm_up cool_down
    """,
    "flag": """
        utility_fail battery_low bypass_or_boost failed standby_type test shutdown_active beeper_on
        low_voltage high_voltage low_soc low_starter_voltage high_starter_voltage low_temperature high_temperature
        mid_voltage
    """,
    "fault": """
        none stuck_relay dc_overload ac_overload dead_battery ac_backfeed low_battery high_battery high_ac_volts
        high_speed_bus bad_bridge ntc fet_overload internal_4 stacker_mode stacker_no_clock stacker_clock_phase
        stacker_phase_loss over_temperature relay charger high_battery_temperature transformer_cutout
        breaker_cb3_open unknown
    """,
}

VALUES: dict[str, frozenset[str]] = {label: frozenset(values.split()) for label, values in _VALUES.items()}
