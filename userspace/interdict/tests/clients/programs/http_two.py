"""HTTP/2 by hand: many streams, resets in the middle, readers that are slow. Argument: a port of HTTP/2 in clear."""

import socket
import time

import h2.config
import h2.connection
import h2.events
import h2.settings
import steps
from steps import step

SETTINGS = h2.settings.SettingCodes


class Connection:
    """One connection, and what its streams have got."""

    def __init__(self, **settings):
        self.socket = socket.create_connection(("127.0.0.1", steps.PORT))
        self.socket.settimeout(60)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.bodies, self.statuses, self.over, self.reset = {}, {}, set(), {}
        self.unread = {}
        self.h2.initiate_connection()
        if settings:
            self.h2.update_settings({getattr(SETTINGS, name): value for name, value in settings.items()})
        self.flush()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def ask(self, path, method="GET", end=True):
        number = self.h2.get_next_available_stream_id()
        head = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "api.internal")]
        self.h2.send_headers(number, head, end_stream=end)
        self.bodies[number] = b""
        self.flush()
        return number

    def turn(self, open_windows=True):
        """Takes what comes once; False at the end of the connection."""
        data = self.socket.recv(65536)
        if not data:
            return False
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                self.statuses[event.stream_id] = dict(event.headers)[b":status"].decode()
            elif isinstance(event, h2.events.DataReceived):
                self.bodies[event.stream_id] += event.data
                if open_windows:
                    if event.flow_controlled_length:
                        self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                else:
                    held = self.unread.get(event.stream_id, 0)
                    self.unread[event.stream_id] = held + event.flow_controlled_length
            elif isinstance(event, h2.events.StreamEnded):
                self.over.add(event.stream_id)
            elif isinstance(event, h2.events.StreamReset):
                self.reset[event.stream_id] = int(event.error_code)
        self.flush()
        return True

    def until_over(self, numbers):
        while not set(numbers) <= self.over | set(self.reset):
            assert self.turn(), "the connection ended"

    def shown(self, number):
        return [self.statuses.get(number), self.bodies[number].decode("latin1")]


@step
def fifty_streams():
    connection = Connection()
    numbers = [connection.ask("/patients.json") for _ in range(50)]
    connection.until_over(numbers)
    return [connection.shown(number) for number in numbers]


@step
def resets_in_the_middle():
    connection = Connection()
    numbers = [connection.ask("/large.json" if i % 2 else "/patients.json") for i in range(50)]
    given_up = numbers[1::2]
    started = set()
    while started != set(given_up):
        assert connection.turn()
        for number in given_up:
            if number not in started and connection.bodies[number]:
                started.add(number)
                if number not in connection.over:
                    connection.h2.reset_stream(number, error_code=8)
        connection.flush()
    kept = numbers[0::2]
    connection.until_over(kept)
    after = connection.ask("/notes.txt")
    connection.until_over([after])
    return [connection.shown(number) for number in [*kept, after]]


@step
def a_slow_reader_gets_it_all():
    connection = Connection(INITIAL_WINDOW_SIZE=1000)
    slow = connection.ask("/large.json")
    connection.socket.settimeout(1)
    try:
        while connection.turn(open_windows=False):
            pass
    except TimeoutError:
        pass
    stood_still_at = len(connection.bodies[slow])
    assert 0 < stood_still_at <= 65535 and slow not in connection.over, stood_still_at
    # Others are not held up by it.
    connection.socket.settimeout(60)
    quick = connection.ask("/notes.txt")
    connection.until_over([quick])
    connection.h2.increment_flow_control_window(20_000_000)
    connection.h2.increment_flow_control_window(20_000_000, slow)
    connection.flush()
    connection.until_over([slow])
    return [connection.shown(quick), len(connection.bodies[slow]), connection.bodies[slow].count(b'"ssn": "')]


@step
def a_body_is_sent_in_pieces():
    connection = Connection()
    number = connection.ask("/echo", "POST", end=False)
    for piece in range(20):
        connection.h2.send_data(number, b"piece %d;" % piece)
        connection.flush()
        time.sleep(0.005)
    connection.h2.end_stream(number)
    connection.flush()
    connection.until_over([number])
    return connection.statuses[number]


@step
def with_a_body_refused():
    connection = Connection()
    numbers = []
    for size in [0, 10, 16_000]:
        number = connection.ask("/echo", "DELETE", end=False)
        connection.h2.send_data(number, b"x" * size, end_stream=size == 0)
        connection.flush()
        numbers.append(number)
    connection.until_over(numbers)
    after = connection.ask("/notes.txt")
    connection.until_over([after])
    # Each of them, not only one, gets the answer.
    assert all(connection.statuses.get(number) for number in numbers), connection.reset
    shown = [connection.shown(number) for number in [*numbers, after]]
    assert all("no-deletes" in text for _, text in shown[:-1]), shown
    return shown


@step
def refused():
    connection = Connection()
    numbers = [connection.ask("/plain.json", "DELETE") for _ in range(3)]
    connection.until_over(numbers)
    after = connection.ask("/plain.json")
    connection.until_over([after])
    return [connection.shown(number) for number in [*numbers, after]]


steps.run()
