# Task ship: brings the new ship.conf into effect. sh runs it in nginx's container.
