/* A daemon in C: listens on $PORT, then answers every request over HTTP with 200. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
  const char *port = getenv("PORT");
  if (!port) {
    fputs("PORT is not set\n", stderr);
    return 2;
  }
  int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 16) != 0) {
    perror("cannot listen");
    return 1;
  }
  puts("listening");
  fflush(stdout);
  for (;;) {
    char request[4096];
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 17\r\nConnection: close\r\n\r\n{\"status\":\"pass\"}";
    int connection = accept(listener, NULL, NULL);
    if (connection < 0) continue;
    if (read(connection, request, sizeof request) > 0) (void)!write(connection, answer, strlen(answer));
    close(connection);
  }
}
